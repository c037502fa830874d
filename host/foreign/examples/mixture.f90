! Five Gaussians in ten dimensions, the energy of host/formula/zoo/mixture.toml:
!
!     gfortran -O3 -march=native -shared -fPIC mixture.f90 -o libmixture.so
!     kiln train ./libmixture.so
module mixture
    use, intrinsic :: iso_c_binding
    implicit none
    integer, parameter :: dimensions = 10, modes = 5
    real(c_double), parameter :: weights(modes) = [ &
        0.05_c_double, 0.1_c_double, 0.15_c_double, 0.2_c_double, 0.5_c_double]
    real(c_double), parameter :: widths(modes) = [ &
        1.0_c_double, 0.6_c_double, 1.3_c_double, 0.8_c_double, 1.0_c_double]
    real(c_double), parameter :: means(dimensions, modes) = reshape([ &
        1.59391897_c_double, -3.03859769_c_double, -2.34623421_c_double, -0.0691072565_c_double, 1.03501438_c_double, &
        1.35581197_c_double, -2.08661145_c_double, -1.25038728_c_double, -0.296988393_c_double, -0.685115968_c_double, &
        -0.633434865_c_double, 1.81296311_c_double, 2.60619786_c_double, -4.24207538_c_double, 2.95914021_c_double, &
        0.373110172_c_double, 0.71098824_c_double, 0.735720129_c_double, 2.0928343_c_double, 1.55688324_c_double, &
        -3.50806654_c_double, 1.94706976_c_double, -2.58348617_c_double, 0.854633387_c_double, 0.469835521_c_double, &
        -3.51937344_c_double, 0.0170740192_c_double, -0.593975611_c_double, -1.53968389_c_double, 4.59650434_c_double, &
        0.351227598_c_double, -0.851399803_c_double, 3.94874224_c_double, -0.0783782021_c_double, -0.31599084_c_double, &
        -4.5607439_c_double, 1.35499746_c_double, 2.26415828_c_double, 4.33104536_c_double, -2.3071528_c_double, &
        2.36300403_c_double, 3.1777435_c_double, 1.63511799_c_double, 0.000978546081_c_double, -3.75386079_c_double, &
        0.420273932_c_double, -1.26722987_c_double, -3.96143516_c_double, 1.35986513_c_double, -0.282401985_c_double &
        ], [dimensions, modes])
contains
    integer(c_int32_t) function kiln_abi() bind(C)
        kiln_abi = 1
    end function

    integer(c_int32_t) function kiln_dimension() bind(C)
        kiln_dimension = dimensions
    end function

    ! It has no state: any number of threads may call it.
    integer(c_int32_t) function kiln_threads() bind(C)
        kiln_threads = 0
    end function

    integer(c_int32_t) function kiln_energy(user, rows, dim, x, energy, gradient) bind(C)
        type(c_ptr), value :: user, gradient
        integer(c_int32_t), value :: rows, dim
        real(c_double), intent(in) :: x(dim, rows)
        real(c_double), intent(out) :: energy(rows)
        real(c_double), pointer :: slopes(:, :)
        real(c_double) :: logs(modes), most
        integer :: row, k
        if (c_associated(gradient)) call c_f_pointer(gradient, slopes, [dim, rows])
        do row = 1, rows
            do k = 1, modes
                logs(k) = log(weights(k)) - dimensions * log(widths(k)) &
                    - sum((x(:, row) - means(:, k))**2) / (2 * widths(k)**2)
            end do
            most = maxval(logs)
            logs = exp(logs - most)
            energy(row) = -most - log(sum(logs))
            if (.not. c_associated(gradient)) cycle
            slopes(:, row) = 0
            do k = 1, modes
                slopes(:, row) = slopes(:, row) + logs(k) / sum(logs) * (x(:, row) - means(:, k)) / widths(k)**2
            end do
        end do
        kiln_energy = 0
    end function
end module
