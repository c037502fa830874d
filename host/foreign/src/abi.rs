//! What a shared library exports to be an energy: `include/kiln_energy.h` is made of this file.

use std::ffi::{c_char, c_void};

/// The version of this interface that a library is written for: what its `kiln_abi` returns.
pub const KILN_ENERGY_ABI: u32 = 1;
/// Status: the call is done.
pub const KILN_ENERGY_DONE: i32 = 0;

#[expect(dead_code, reason = "declarations for the header: libraries define them")]
unsafe extern "C" {
    /// Required. The version of the interface: KILN_ENERGY_ABI.
    pub fn kiln_abi() -> u32;

    /// Required. The number of coordinates of a point, 1 at least; always the same.
    pub fn kiln_dimension() -> u32;

    /// Required. Energies E of points, of which the density is exp(-E) but for a constant: of row r, energy[r], and its
    /// gradient at gradient[r * dim] and on. Points are x[r * dim] and on. Where `gradient` is null only energies are asked for,
    /// and they must be the same. A row that lies outside the domain has an energy of infinity or NaN: that is no error. `user` is what kiln_open
    /// returned, null without it. Nothing of the arguments may be kept.
    ///
    /// Returns KILN_ENERGY_DONE, or another number where the call failed: what runs then ends, and shows the number.
    pub fn kiln_energy(
        user: *mut c_void,
        rows: u32,
        dim: u32,
        x: *const f64,
        energy: *mut f64,
        gradient: *mut f64,
    ) -> i32;

    /// Optional. How many threads may call kiln_energy at once: 0 for any number. Without it, 1.
    pub fn kiln_threads() -> u32;

    /// Optional. Called once before all else but kiln_abi; what it returns is handed to kiln_energy. Null says that it failed.
    pub fn kiln_open() -> *mut c_void;

    /// Optional. Called once at the end with what kiln_open returned.
    pub fn kiln_close(user: *mut c_void);

    /// Optional. What a status other than KILN_ENERGY_DONE says, in UTF-8, or null.
    pub fn kiln_message(status: i32) -> *const c_char;

    /// Optional. A word of letters, digits, '-' and '_' that runs are named after. Without it, the file's name.
    pub fn kiln_name() -> *const c_char;

    /// Optional. The energy's formula with its constants, in UTF-8.
    pub fn kiln_convention() -> *const c_char;

    /// Optional. The name of a coordinate, counted from 0, in UTF-8. Without it, x0, x1 and on.
    pub fn kiln_coordinate(at: u32) -> *const c_char;

    /// Optional. Where each coordinate may be: dim lower and dim upper ends, minus infinity and infinity where there is none.
    pub fn kiln_bounds(low: *mut f64, high: *mut f64);

    /// Optional. That the coordinates are those of equal particles, one after the other, whose energy does not change under translation,
    /// rotation, reflection and exchange: how many, and in how many dimensions.
    pub fn kiln_particles(count: *mut u32, dimensions: *mut u32);
}
