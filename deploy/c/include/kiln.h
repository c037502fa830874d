// Kiln from C: energies, Markov chains and samples of trained models. No function keeps state or
// memory; all may be called from any thread. The same arguments give the same bits on every machine.
// Room for results and for work need not be initialised.
//
//     cc program.c -I deploy/c/include libkiln.a -lm -lpthread -ldl

#ifndef KILN_H
#define KILN_H

// Made by cbindgen from deploy/abi: do not edit, run scripts/c --header.

#include <stddef.h>
#include <stdint.h>

// What became of a call. Everything but OK means that nothing was written.
typedef enum {
  // Done.
  KILN_STATUS_OK = 0,
  // A pointer is null.
  KILN_STATUS_NULL = 1,
  // A pointer is not a multiple of the size of what it points to.
  KILN_STATUS_MISALIGNED = 2,
  // A buffer is shorter than what has to be read from it or written to it.
  KILN_STATUS_SHORT = 3,
  // No target has this name or number.
  KILN_STATUS_TARGET = 4,
  // A parameter is out of its range, such as a step size that is not a positive number.
  KILN_STATUS_PARAMETER = 5,
  // The energy at the given point is not a finite number.
  KILN_STATUS_DOMAIN = 6,
  // The bytes are no model, one of another version, or a damaged one.
  KILN_STATUS_MODEL = 7,
} KilnStatus;

// What a model needs and gives.
typedef struct {
  // Coordinates of a sample.
  size_t dimension;
  // Gaussian numbers that make one sample.
  size_t latent;
  // Words of eight bytes that `kiln_model_sample` needs to work in.
  size_t scratch;
  // Bits of a weight: 8 or 16 where the model computes in integers, 32 where it does in floats.
  uint32_t weight_bits;
} KilnModelInfo;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Moves x by `steps` steps of MALA with step size h (the proposal's noise has variance 2h) and tells the mean
// acceptance. Random numbers are those of (seed, index): to go on, call again with another index. Particles keep their
// mean.
//
// # Safety
// `target` is a text ended by a zero byte, `x` holds `x_length` numbers that can be written, `acceptance` has room for
// one; none overlaps another. Any pointer may be null or misaligned, any length too small.
KilnStatus kiln_mala(const char *target,
                     uint64_t seed,
                     uint64_t index,
                     float step_size,
                     uint32_t steps,
                     float *x,
                     size_t x_length,
                     float *acceptance);

// The name of a target, counted from 0; null after the last. Static, ended by a zero byte.
const char *kiln_target_name(size_t index);

// How many coordinates a target has.
//
// # Safety
// `target` is a text ended by a zero byte, `dimension` has room for one number; either may be null.
KilnStatus kiln_target_dimension(const char *target, size_t *dimension);

// E(x) and its gradient. Where E is infinite or not a number, x lies outside the target's domain.
//
// # Safety
// `target` is a text ended by a zero byte, `x` holds `x_length` numbers, `gradient` has room for `gradient_length`, and
// `energy` for one; none overlaps another. Any pointer may be null or misaligned, any length too small.
KilnStatus kiln_energy(const char *target,
                       const float *x,
                       size_t x_length,
                       float *energy,
                       float *gradient,
                       size_t gradient_length);

// Checks the bytes of a model, which stand at a multiple of 8, and tells what it needs.
//
// # Safety
// `model` holds `length` bytes, `info` has room for one; they do not overlap. Either may be null or misaligned, the
// bytes may be any.
KilnStatus kiln_model_check(const uint8_t *model,
                            size_t length,
                            KilnModelInfo *info);

// Draws the samples `first` to `first + count` of a seed, one after the other into `x`. Each is the same on every
// machine and whatever else is drawn. Every call checks the model again, which reads all of it: draw many at a time.
//
// # Safety
// `model` holds `length` bytes, `scratch` has room for `scratch_length` words and `x` for `x_length` numbers; none
// overlaps another. Any pointer may be null or misaligned, any length too small, the bytes may be any.
KilnStatus kiln_model_sample(const uint8_t *model,
                             size_t length,
                             uint64_t seed,
                             uint64_t first,
                             size_t count,
                             uint64_t *scratch,
                             size_t scratch_length,
                             float *x,
                             size_t x_length);

// The version of Kiln, such as "0.1.0": static, ended by a zero byte.
const char *kiln_version(void);

// A status in words: static, ended by a zero byte. Takes any number.
const char *kiln_status_text(uint32_t status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KILN_H */
