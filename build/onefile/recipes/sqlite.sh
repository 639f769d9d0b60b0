# The amalgamation is made by the machine's own compiler and Tcl; what goes into the file is compiled for the target.
CC=gcc CFLAGS=-O1 LDFLAGS='' ./configure --disable-shared --disable-readline >configure.log
make -s sqlite3.c CC=gcc
$CC $CFLAGS -DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_COLUMN_METADATA \
    -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_ENABLE_RTREE -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_MAX_VARIABLE_NUMBER=250000 \
    -DSQLITE_TEMP_STORE=2 -DHAVE_USLEEP=1 -c sqlite3.c -o sqlite3.o
mkdir -p "$OUT/lib" "$OUT/include"
$AR rcs "$OUT/lib/libsqlite3.a" sqlite3.o
cp sqlite3.h sqlite3ext.h "$OUT/include/"
