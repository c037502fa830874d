// Every function of the C library: what it computes, and that it answers arguments which do not fit. Prints the bits of
// its results, which `deploy/wasm/api.mjs` prints too.
//
//     api FOLDER      the folder of the models that kiln-core's tests keep
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kiln.h"

static int failures = 0;

#define CHECK(condition)                                              \
    do {                                                              \
        if (!(condition)) {                                           \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            failures++;                                               \
        }                                                             \
    } while (0)

static void print_bits(const char *what, const float *x, size_t length) {
    printf("%s", what);
    for (size_t i = 0; i < length; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        printf(" %08" PRIx32, bits);
    }
    printf("\n");
}

// A point of any length that no energy is infinite at.
static void point(float *x, size_t length) {
    for (size_t i = 0; i < length; i++) x[i] = 0.75f * (float)(i % 5) - 0.5f * (float)(i % 7) + 0.25f * (float)(i / 3);
}

static void *misaligned(void *pointer) { return (char *)pointer + 1; }

static void energies(void) {
    float x[165], gradient[165], energy = 7.0f, acceptance = 7.0f;
    size_t dimension = 0;
    const char *name;
    for (size_t i = 0; (name = kiln_target_name(i)); i++) {
        CHECK(kiln_target_dimension(name, &dimension) == KILN_STATUS_OK);
        CHECK(dimension <= 165);
        point(x, dimension);
        CHECK(kiln_energy(name, x, dimension, &energy, gradient, dimension) == KILN_STATUS_OK);
        printf("%s %zu\n", name, dimension);
        print_bits("energy", &energy, 1);
        print_bits("gradient", gradient, dimension);
        CHECK(kiln_mala(name, 1, 2, 1e-3f, 10, x, dimension, &acceptance) == KILN_STATUS_OK);
        CHECK(acceptance >= 0.0f && acceptance <= 1.0f);
        print_bits("mala", x, dimension);
        print_bits("acceptance", &acceptance, 1);

        // Short buffers, and nothing written.
        energy = gradient[0] = x[0] = acceptance = 7.0f;
        CHECK(kiln_energy(name, x, dimension - 1, &energy, gradient, dimension) == KILN_STATUS_SHORT);
        CHECK(kiln_energy(name, x, dimension, &energy, gradient, dimension - 1) == KILN_STATUS_SHORT);
        CHECK(kiln_mala(name, 1, 2, 1e-3f, 1, x, dimension - 1, &acceptance) == KILN_STATUS_SHORT);
        CHECK(energy == 7.0f && gradient[0] == 7.0f && x[0] == 7.0f && acceptance == 7.0f);
    }
    CHECK(kiln_target_name(1000000) == NULL);

    point(x, 2);
    CHECK(kiln_energy(NULL, x, 2, &energy, gradient, 2) == KILN_STATUS_NULL);
    CHECK(kiln_energy("mog40", NULL, 2, &energy, gradient, 2) == KILN_STATUS_NULL);
    CHECK(kiln_energy("mog40", x, 2, NULL, gradient, 2) == KILN_STATUS_NULL);
    CHECK(kiln_energy("mog40", x, 2, &energy, NULL, 2) == KILN_STATUS_NULL);
    CHECK(kiln_energy("mog40", misaligned(x), 2, &energy, gradient, 2) == KILN_STATUS_MISALIGNED);
    CHECK(kiln_energy("mog40", x, 2, misaligned(gradient + 4), gradient, 2) == KILN_STATUS_MISALIGNED);
    CHECK(kiln_energy("mog40", x, 2, &energy, misaligned(gradient), 2) == KILN_STATUS_MISALIGNED);
    CHECK(kiln_energy("mog41", x, 2, &energy, gradient, 2) == KILN_STATUS_TARGET);
    CHECK(kiln_energy("", x, 2, &energy, gradient, 2) == KILN_STATUS_TARGET);
    CHECK(kiln_energy("mog40", x, SIZE_MAX, &energy, gradient, 2) == KILN_STATUS_PARAMETER);
    CHECK(kiln_target_dimension(NULL, &dimension) == KILN_STATUS_NULL);
    CHECK(kiln_target_dimension("mog40", NULL) == KILN_STATUS_NULL);
    CHECK(kiln_target_dimension("mog41", &dimension) == KILN_STATUS_TARGET);

    CHECK(kiln_mala("mog40", 1, 2, 0.0f, 1, x, 2, &acceptance) == KILN_STATUS_PARAMETER);
    CHECK(kiln_mala("mog40", 1, 2, -1.0f, 1, x, 2, &acceptance) == KILN_STATUS_PARAMETER);
    CHECK(kiln_mala("mog40", 1, 2, NAN, 1, x, 2, &acceptance) == KILN_STATUS_PARAMETER);
    CHECK(kiln_mala("mog40", 1, 2, INFINITY, 1, x, 2, &acceptance) == KILN_STATUS_PARAMETER);
    CHECK(kiln_mala("mog40", 1, 2, 0.1f, 0, x, 2, &acceptance) == KILN_STATUS_PARAMETER);
    CHECK(kiln_mala("mog40", 1, 2, 0.1f, 1, NULL, 2, &acceptance) == KILN_STATUS_NULL);
    CHECK(kiln_mala("mog40", 1, 2, 0.1f, 1, x, 2, NULL) == KILN_STATUS_NULL);
    x[0] = NAN;
    CHECK(kiln_mala("mog40", 1, 2, 0.1f, 1, x, 2, &acceptance) == KILN_STATUS_DOMAIN);
}

static void model(const char *folder, const char *name) {
    static uint64_t words[1 << 16];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.kiln", folder, name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    if (!file) return;
    uint8_t *bytes = (uint8_t *)words;
    size_t length = fread(bytes, 1, sizeof words, file);
    fclose(file);

    KilnModelInfo info;
    KilnStatus status = kiln_model_check(bytes, length, &info);
    CHECK(status == KILN_STATUS_OK);
    if (status != KILN_STATUS_OK) return;
    printf("%s %zu %zu %" PRIu32 "\n", name, info.dimension, info.latent, info.weight_bits);
    // Of exact sizes and never initialised: valgrind sees what is touched beyond, and what depends on what was there.
    size_t room = 4 * info.dimension;
    uint64_t *scratch = malloc(info.scratch * sizeof *scratch);
    float *x = malloc(room * sizeof *x), *third = malloc(info.dimension * sizeof *third);
    if (!scratch || !x || !third) abort();
    CHECK(kiln_model_sample(bytes, length, 5, 10, 4, scratch, info.scratch, x, room) == KILN_STATUS_OK);
    print_bits("samples", x, room);
    CHECK(kiln_model_sample(bytes, length, 5, 12, 1, scratch, info.scratch, third, info.dimension) == KILN_STATUS_OK);
    CHECK(memcmp(third, x + 2 * info.dimension, info.dimension * sizeof *x) == 0);
    CHECK(kiln_model_sample(bytes, length, 5, 0, 0, scratch, info.scratch, x, 0) == KILN_STATUS_OK);

    CHECK(kiln_model_sample(bytes, length, 5, 0, 4, scratch, info.scratch, x, room - 1) == KILN_STATUS_SHORT);
    CHECK(kiln_model_sample(bytes, length, 5, 0, 4, scratch, info.scratch - 1, x, room) == KILN_STATUS_SHORT);
    CHECK(kiln_model_sample(bytes, length, 5, 0, SIZE_MAX, scratch, info.scratch, x, room) == KILN_STATUS_PARAMETER);
    CHECK(kiln_model_sample(NULL, length, 5, 0, 4, scratch, info.scratch, x, room) == KILN_STATUS_NULL);
    CHECK(kiln_model_sample(bytes, length, 5, 0, 4, NULL, info.scratch, x, room) == KILN_STATUS_NULL);
    CHECK(kiln_model_sample(bytes, length, 5, 0, 4, scratch, info.scratch, NULL, room) == KILN_STATUS_NULL);
    CHECK(kiln_model_sample(bytes, length, 5, 0, 4, misaligned(scratch), info.scratch, x, room) == KILN_STATUS_MISALIGNED);
    CHECK(kiln_model_sample(bytes + 1, length - 1, 5, 0, 4, scratch, info.scratch, x, room) == KILN_STATUS_MISALIGNED);
    CHECK(kiln_model_check(NULL, length, &info) == KILN_STATUS_NULL);
    CHECK(kiln_model_check(bytes, length, NULL) == KILN_STATUS_NULL);
    CHECK(kiln_model_check(bytes + 4, length - 4, &info) == KILN_STATUS_MISALIGNED);

    // Cut off anywhere, or with a byte changed anywhere, it is no model. Copies of exact size: valgrind sees what is read.
    for (size_t cut = 0; cut < length; cut += 1 + length / 50) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, bytes, cut);
        CHECK(kiln_model_check(copy, cut, &info) == KILN_STATUS_MODEL);
        free(copy);
        bytes[cut] ^= 0x10;
        CHECK(kiln_model_check(bytes, length, &info) == KILN_STATUS_MODEL);
        bytes[cut] ^= 0x10;
    }
    CHECK(kiln_model_check(bytes, length, &info) == KILN_STATUS_OK);
    free(third);
    free(x);
    free(scratch);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    printf("version %s\n", kiln_version());
    for (uint32_t status = 0; status < 9; status++) printf("status %" PRIu32 ": %s\n", status, kiln_status_text(status));
    energies();
    const char *models[] = {"mlp-f32",      "mlp-i16w16a", "mlp-i8w16a",     "egnn-f32",
                            "egnn-i16w16a", "egnn-i8w16a", "mlp-framed-f32", "mlp-framed-i16w16a",
                            "mlp-widths-i8w16a", "mlp-cells-f32", "mlp-cells-i8w16a"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) model(argv[1], models[i]);
    if (failures) printf("%d checks failed\n", failures);
    return failures != 0;
}
