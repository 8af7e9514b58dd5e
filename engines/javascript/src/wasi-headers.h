/* Included before each C file of QuickJS, which does not watch its stack where `__wasi__` is
   defined: a recursion without end would be a trap, and not an exception that a script can catch.
   The headers of the C library need the definition; all that are used are included here first. */
#include <alloca.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#undef __wasi__
/* For `malloc_usable_size`, which the C library has. */
#define __GLIBC__ 2
