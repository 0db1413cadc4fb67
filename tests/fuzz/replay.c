/* Runs a fuzz target over every file of a directory: replay DIRECTORY. At least one must be there. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (4 * 1024 * 1024)

static bool replay(const char *path)
{
    FILE *in = fopen(path, "rb");
    uint8_t *input = malloc(INPUT_MAX);
    bool read = in != NULL && input != NULL;
    if (read) {
        size_t size = fread(input, 1, INPUT_MAX, in);
        uint8_t *exact = malloc(size + (size == 0)); /* so that a sanitizer sees a read past the end */
        for (size_t i = 0; exact != NULL && i < size; i++) {
            exact[i] = input[i];
        }
        read = exact != NULL && LLVMFuzzerTestOneInput(exact, size) == 0;
        free(exact);
    }
    if (in != NULL) {
        fclose(in);
    }
    free(input);
    return read;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    if (directory == NULL) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        if (entry->d_name[0] != '.') {
            if (!replay(path)) {
                fprintf(stderr, "%s: cannot be run\n", path);
                return EXIT_FAILURE;
            }
            count++;
        }
    }
    closedir(directory);
    printf("%zu inputs\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
