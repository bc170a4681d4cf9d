#include <stdio.h>
#include "greeter.h"

void greet(const char *name) { printf("built by %s\n", name); }
