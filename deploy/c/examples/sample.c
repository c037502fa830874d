// Draws samples of a model that `kiln export` wrote and prints them as CSV, with the energy of each:
//
//     sample model.kiln mog40 10 [seed]
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "kiln.h"

static int failed(const char *what, KilnStatus status) {
    fprintf(stderr, "error: %s: %s\n", what, kiln_status_text(status));
    return 1;
}

// A file in memory of its own: malloc gives a multiple of 8, which a model wants.
static uint8_t *contents(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    uint8_t *bytes = NULL;
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > 0) {
        *length = (size_t)ftell(file);
        rewind(file);
        bytes = malloc(*length);
        if (bytes && fread(bytes, 1, *length, file) != *length) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

int main(int argc, char **argv) {
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: %s MODEL TARGET COUNT [SEED]\n", argv[0]);
        return 2;
    }
    const char *target = argv[2];
    size_t length = 0, count = strtoull(argv[3], NULL, 10);
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;

    uint8_t *model = contents(argv[1], &length);
    if (!model) {
        fprintf(stderr, "error: %s cannot be read\n", argv[1]);
        return 1;
    }
    KilnModelInfo info;
    KilnStatus status = kiln_model_check(model, length, &info);
    if (status != KILN_STATUS_OK) {
        free(model);
        return failed(argv[1], status);
    }

    uint64_t *scratch = malloc(info.scratch * sizeof *scratch);
    float *x = malloc((count ? count : 1) * info.dimension * sizeof *x);
    float *gradient = malloc(info.dimension * sizeof *gradient);
    int code = 1;
    if (scratch && x && gradient) {
        status = kiln_model_sample(model, length, seed, 0, count, scratch, info.scratch, x, count * info.dimension);
        for (size_t i = 0; i < count && status == KILN_STATUS_OK; i++) {
            const float *sample = x + i * info.dimension;
            float energy;
            status = kiln_energy(target, sample, info.dimension, &energy, gradient, info.dimension);
            for (size_t k = 0; k < info.dimension && status == KILN_STATUS_OK; k++) printf("%.9g,", sample[k]);
            if (status == KILN_STATUS_OK) printf("%.9g\n", energy);
        }
        code = status == KILN_STATUS_OK ? 0 : failed(target, status);
    }
    free(gradient);
    free(x);
    free(scratch);
    free(model);
    return code;
}
