# No programs, documentation or loadable modules; the folder of certificates is Debian's, others are sought at run time (net/trust.py).
perl ./Configure "$TARGET_OPENSSL" no-shared no-module no-tests no-apps no-docs no-dso no-engine no-legacy \
    no-idea no-seed no-rc2 no-rc4 no-md4 no-mdc2 no-whirlpool no-cast no-bf no-camellia no-aria no-gost no-dtls no-srp no-sctp no-cms \
    no-ts no-cmp no-comp no-ssl3 no-quic no-ct \
    --prefix=/fairlead/openssl --libdir=lib --openssldir=/etc/ssl $CFLAGS
make -s -j"$JOBS" build_libs
make -s install_dev DESTDIR="$OUT"
mv "$OUT"/fairlead/openssl/* "$OUT/"
