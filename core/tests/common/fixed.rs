//! Double precision beside the integers of `kiln_core::fixed`.

/// t/(1 + e^t): what SiLU lacks to max(t, 0).
pub fn silu_correction(t: f64) -> f64 {
    t * exponential_share(t)
}

/// 1/(1 + e^t).
pub fn exponential_share(t: f64) -> f64 {
    1.0 / (1.0 + libm::exp(t))
}

/// The normal tail Q(z).
pub fn upper_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * core::f64::consts::FRAC_1_SQRT_2)
}

/// z with Q(z) = p, by Newton's method on ln Q.
pub fn upper_quantile(p: f64) -> f64 {
    let mut z = 0.0;
    for _ in 0..100 {
        let tail = upper_tail(z);
        let density = libm::exp(-0.5 * z * z) * 0.398_942_280_401_432_7;
        let step = (libm::log(tail) - libm::log(p)) * tail / density;
        z += step;
        if step.abs() < 1e-15 {
            break;
        }
    }
    z
}

/// FNV-1a-64 over little-endian bytes.
pub fn fnv(numbers: impl IntoIterator<Item = i32>) -> u64 {
    numbers
        .into_iter()
        .flat_map(i32::to_le_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
