// What a shared library exports to be an energy that Kiln samples, by `kiln train ./libenergy.so`
// and every other command that takes a target. Any language will do that exports C functions.
//
//     cc -O3 -shared -fPIC energy.c -lm -o libenergy.so

#ifndef KILN_ENERGY_H
#define KILN_ENERGY_H

// Made by cbindgen from host/foreign/src/abi.rs: do not edit.

#include <stdint.h>

// The version of this interface that a library is written for: what its `kiln_abi` returns.
#define KILN_ENERGY_ABI 1

// Status: the call is done.
#define KILN_ENERGY_DONE 0

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Required. The version of the interface: KILN_ENERGY_ABI.
extern uint32_t kiln_abi(void);

// Required. The number of coordinates of a point, 1 at least; always the same.
extern uint32_t kiln_dimension(void);

// Required. Energies E of points, of which the density is exp(-E) but for a constant: of row r, energy[r], and its
// gradient at gradient[r * dim] and on. Points are x[r * dim] and on. Where `gradient` is null only energies are asked for,
// and they must be the same. A row that lies outside the domain has an energy of infinity or NaN: that is no error. `user` is what kiln_open
// returned, null without it. Nothing of the arguments may be kept.
//
// Returns KILN_ENERGY_DONE, or another number where the call failed: what runs then ends, and shows the number.
extern int32_t kiln_energy(void *user,
                           uint32_t rows,
                           uint32_t dim,
                           const double *x,
                           double *energy,
                           double *gradient);

// Optional. How many threads may call kiln_energy at once: 0 for any number. Without it, 1.
extern uint32_t kiln_threads(void);

// Optional. Called once before all else but kiln_abi; what it returns is handed to kiln_energy. Null says that it failed.
extern void *kiln_open(void);

// Optional. Called once at the end with what kiln_open returned.
extern void kiln_close(void *user);

// Optional. What a status other than KILN_ENERGY_DONE says, in UTF-8, or null.
extern const char *kiln_message(int32_t status);

// Optional. A word of letters, digits, '-' and '_' that runs are named after. Without it, the file's name.
extern const char *kiln_name(void);

// Optional. The energy's formula with its constants, in UTF-8.
extern const char *kiln_convention(void);

// Optional. The name of a coordinate, counted from 0, in UTF-8. Without it, x0, x1 and on.
extern const char *kiln_coordinate(uint32_t at);

// Optional. Where each coordinate may be: dim lower and dim upper ends, minus infinity and infinity where there is none.
extern void kiln_bounds(double *low,
                        double *high);

// Optional. That the coordinates are those of equal particles, one after the other, whose energy does not change under translation,
// rotation, reflection and exchange: how many, and in how many dimensions.
extern void kiln_particles(uint32_t *count,
                           uint32_t *dimensions);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KILN_ENERGY_H */
