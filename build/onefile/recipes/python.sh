# CPython with its extension modules inside. Left out: what needs a terminal or a display (curses, readline, tkinter), dbm, nis and
# libuuid. Host libraries must not be found by pkg-config. The interpreter that this yields builds the extensions, too;
# one that this machine does not run is built by it, and tells in sysconfig/ what extensions must know of it.
export MODULE_BUILDTYPE=static PKG_CONFIG_LIBDIR=/nonexistent
export ZLIB_CFLAGS="-I$DEP_ZLIB/include" ZLIB_LIBS="-L$DEP_ZLIB/lib -lz"
export BZIP2_CFLAGS="-I$DEP_BZIP2/include" BZIP2_LIBS="-L$DEP_BZIP2/lib -lbz2"
export LIBLZMA_CFLAGS="-I$DEP_XZ/include" LIBLZMA_LIBS="-L$DEP_XZ/lib -llzma"
export LIBFFI_CFLAGS="-I$DEP_LIBFFI/include" LIBFFI_LIBS="-L$DEP_LIBFFI/lib -lffi"
export LIBSQLITE3_CFLAGS="-I$DEP_SQLITE/include" LIBSQLITE3_LIBS="-L$DEP_SQLITE/lib -lsqlite3 -lm"
absent=()
for module in _curses _curses_panel _dbm _gdbm _tkinter _uuid nis readline; do absent+=("py_cv_module_$module=n/a"); done
cross=()
[[ -n $NATIVE ]] || cross=(--with-build-python="$PYTHON" ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no ac_cv_buggy_getaddrinfo=no)
[[ $TARGET_LIBC != musl ]] || export LDFLAGS=-static LINKFORSHARED=' '
mkdir build-static
cd build-static
CFLAGS="" OPT="-DNDEBUG -fwrapv -O3" CFLAGS_NODIST="$CFLAGS" ../configure --build="$HOST_TRIPLE" --host="$TARGET_TRIPLE" --prefix=/fairlead/python --disable-shared --disable-test-modules \
    --without-ensurepip --with-openssl="$DEP_OPENSSL" --without-readline --with-pymalloc "${absent[@]}" "${cross[@]}"
sed 's/^\*@MODULE_BUILDTYPE@\*/*static*/' Modules/Setup.stdlib >Modules/Setup.local
make -s -j"$JOBS"
make -s install DESTDIR="$OUT" >install.log
mv "$OUT"/fairlead/python/* "$OUT/"
mkdir "$OUT/sysconfig"
cp "$OUT"/lib/python3.13/_sysconfigdata_*.py "$OUT/sysconfig/"
# Everything the file links of it, as one archive: the interpreter and what its own modules bring along.
{
    echo "create $OUT/lib/libpython-whole.a"
    echo "addlib libpython3.13.a"
    find Modules -name '*.a' -printf 'addlib %p\n' | sort
    for archive in "$DEP_OPENSSL"/lib/lib{ssl,crypto}.a "$DEP_ZLIB/lib/libz.a" "$DEP_BZIP2/lib/libbz2.a" "$DEP_XZ/lib/liblzma.a" \
        "$DEP_LIBFFI/lib/libffi.a" "$DEP_SQLITE/lib/libsqlite3.a"; do echo "addlib $archive"; done
    echo save
    echo end
} | $AR -M
rm -rf "$OUT"/lib/python3.13/{test,idlelib,tkinter,turtledemo,lib2to3,ensurepip} "$OUT"/lib/python3.13/config-*/libpython*.a
[[ -z $NATIVE ]] || "$OUT/bin/python3.13" -c 'import ssl, sqlite3, zlib, bz2, lzma, ctypes, hashlib; sqlite3.connect(":memory:").execute("create virtual table t using fts5(a)")'
