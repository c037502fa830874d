/* Five Gaussians in ten dimensions, the energy of host/formula/zoo/mixture.toml:
 *
 *     cc -O3 -march=native -shared -fPIC mixture.c -I ../include -lm -o libmixture.so
 *     kiln train ./libmixture.so
 */
#include "kiln_energy.h"

#include <math.h>

#define DIM 10
#define MODES 5

static const double weights[MODES] = {0.05, 0.1, 0.15, 0.2, 0.5};
static const double widths[MODES] = {1.0, 0.6, 1.3, 0.8, 1.0};
static const double means[MODES][DIM] = {
    {1.59391897, -3.03859769, -2.34623421, -0.0691072565, 1.03501438, 1.35581197, -2.08661145, -1.25038728, -0.296988393, -0.685115968},
    {-0.633434865, 1.81296311, 2.60619786, -4.24207538, 2.95914021, 0.373110172, 0.71098824, 0.735720129, 2.0928343, 1.55688324},
    {-3.50806654, 1.94706976, -2.58348617, 0.854633387, 0.469835521, -3.51937344, 0.0170740192, -0.593975611, -1.53968389, 4.59650434},
    {0.351227598, -0.851399803, 3.94874224, -0.0783782021, -0.31599084, -4.5607439, 1.35499746, 2.26415828, 4.33104536, -2.3071528},
    {2.36300403, 3.1777435, 1.63511799, 0.000978546081, -3.75386079, 0.420273932, -1.26722987, -3.96143516, 1.35986513, -0.282401985}
};

uint32_t kiln_abi(void) { return KILN_ENERGY_ABI; }
uint32_t kiln_dimension(void) { return DIM; }
/* It has no state: any number of threads may call it. */
uint32_t kiln_threads(void) { return 0; }
const char *kiln_name(void) { return "mixture-c"; }

int32_t kiln_energy(void *user, uint32_t rows, uint32_t dim, const double *x, double *energy, double *gradient) {
    (void)user;
    double log_weights[MODES], precisions[MODES];
    for (int k = 0; k < MODES; k++) {
        log_weights[k] = log(weights[k]) - DIM * log(widths[k]);
        precisions[k] = 1.0 / (widths[k] * widths[k]);
    }
    for (uint32_t row = 0; row < rows; row++, x += dim) {
        double logs[MODES], most = 0.0, sum = 0.0;
        for (int k = 0; k < MODES; k++) {
            double square = 0.0;
            for (int i = 0; i < DIM; i++) square += (x[i] - means[k][i]) * (x[i] - means[k][i]);
            logs[k] = log_weights[k] - 0.5 * precisions[k] * square;
            if (k == 0 || logs[k] > most) most = logs[k];
        }
        for (int k = 0; k < MODES; k++) sum += logs[k] = exp(logs[k] - most);
        energy[row] = -most - log(sum);
        if (!gradient) continue;
        for (int i = 0; i < DIM; i++) {
            double pull = 0.0;
            for (int k = 0; k < MODES; k++) pull += logs[k] * precisions[k] * (x[i] - means[k][i]);
            gradient[row * DIM + i] = pull / sum;
        }
    }
    return KILN_ENERGY_DONE;
}
