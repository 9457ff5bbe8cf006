//! Where kernels are called: the only unsafe code.
#![allow(unsafe_code, reason = "kernels are C++, and take addresses")]

/// The host build.
#[cfg(host_build)]
pub mod host {
    use std::ffi::{CStr, CString, c_char, c_int, c_void};

    use crate::machine::Call;

    /// Room for what the host build says went wrong, with its final zero.
    const MESSAGE_BYTES: usize = 256;

    unsafe extern "C" {
        fn hyfunc_host_launch(
            name: *const c_char,
            args: *const c_void,
            args_bytes: usize,
            grid_x: u32,
            grid_y: u32,
            grid_z: u32,
            threads: u32,
            shared_bytes: u32,
            cooperative: u32,
            seed: u64,
            message: *mut c_char,
            message_bytes: usize,
        ) -> c_int;
    }

    /// Runs a kernel to its end.
    pub fn launch(call: &Call, seed: u64) -> Result<(), String> {
        let name = CString::new(call.entry.as_str()).map_err(|error| error.to_string())?;
        let mut message: [c_char; MESSAGE_BYTES] = [0; MESSAGE_BYTES];
        // SAFETY: only this crate's launchers make calls, and they checked that every address in
        // `words` has the length that the kernel reads and writes; `words` has room for the struct,
        // whose size the other side compares; the message is cut to its length and ends in zero.
        let code = unsafe {
            hyfunc_host_launch(
                name.as_ptr(),
                call.words.as_ptr().cast(),
                call.words_used * 8,
                call.grid[0],
                call.grid[1],
                call.grid[2],
                call.threads,
                call.shared_bytes,
                u32::from(call.cooperative),
                seed,
                message.as_mut_ptr(),
                MESSAGE_BYTES,
            )
        };
        if code == 0 {
            return Ok(());
        }
        // SAFETY: the other side wrote a string with its final zero into it, or nothing: it is zero.
        let said = unsafe { CStr::from_ptr(message.as_ptr()) };
        Err(said.to_string_lossy().into_owned())
    }
}

#[cfg(feature = "cuda")]
pub mod blas;

/// The driver.
#[cfg(feature = "cuda")]
pub mod cuda {
    use std::sync::Arc;

    use cudarc::cublas::CudaBlas;
    use cudarc::cublas::result::{self, CublasError};
    use cudarc::cublas::sys::{
        cublasComputeType_t, cublasGemmAlgo_t, cublasOperation_t, cudaDataType_t,
    };
    use cudarc::driver::{
        CudaContext, CudaFunction, CudaGraph, CudaStream, DeviceRepr, DriverError, LaunchConfig,
        PushKernelArg, sys,
    };

    use crate::machine::Call;

    /// A kernel's struct, passed by value.
    #[repr(transparent)]
    struct Words([u64; Call::WORDS]);

    // SAFETY: plain numbers; the driver copies as many bytes as the kernel's parameter has.
    unsafe impl DeviceRepr for Words {}

    /// Launches that the driver starts as one.
    pub struct Graph(pub CudaGraph);

    // SAFETY: the driver takes a graph from any thread, one at a time: it is launched and destroyed by
    // whoever holds the model that it belongs to, and is not `Sync`. A launch makes the context current,
    // the end of a graph needs none.
    unsafe impl Send for Graph {}

    /// Whether the driver's library can be loaded.
    pub fn is_present() -> bool {
        // SAFETY: loads NVIDIA's library by its name, which runs its initialisers.
        unsafe { sys::is_culib_present() }
    }

    /// The CUDA version that the driver speaks, 1000 · major + 10 · minor.
    pub fn version() -> Result<i32, DriverError> {
        let mut version = 0;
        // SAFETY: writes one int.
        unsafe { sys::cuDriverGetVersion(&raw mut version) }.result()?;
        Ok(version)
    }

    /// Leaves out the events by which memory is ordered among streams: two driver calls for each
    /// tensor of each launch, and none of them may be captured into a graph.
    pub fn use_one_stream(context: &CudaContext) {
        // SAFETY: a device allocates, launches, copies and frees on one stream, in order.
        unsafe { context.disable_event_tracking() };
    }

    /// Whether cuBLAS can be loaded.
    pub fn has_cublas() -> bool {
        // SAFETY: loads NVIDIA's library by its name, which runs its initialisers.
        unsafe { cudarc::cublas::sys::is_culib_present() }
    }

    /// Starts `c = aᵀ · b` of square matrices of bf16, sums in f32, by their addresses.
    pub fn square_product(
        blas: &CudaBlas,
        width: usize,
        [a, b, c]: [u64; 3],
    ) -> Result<(), CublasError> {
        let (one, zero) = (1.0f32, 0.0f32);
        let (n, element) = (width as i32, cudaDataType_t::CUDA_R_16BF);
        // SAFETY: whoever measures has made all three of width · width elements, and keeps them
        // until it has waited; both factors are read before the call returns.
        unsafe {
            result::gemm_ex(
                *blas.handle(),
                cublasOperation_t::CUBLAS_OP_T,
                cublasOperation_t::CUBLAS_OP_N,
                n,
                n,
                n,
                (&raw const one).cast(),
                a as *const _,
                element,
                n,
                b as *const _,
                element,
                n,
                (&raw const zero).cast(),
                c as *mut _,
                element,
                n,
                cublasComputeType_t::CUBLAS_COMPUTE_32F,
                cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        }
    }

    /// Starts a kernel.
    pub fn launch(
        stream: &Arc<CudaStream>,
        function: &CudaFunction,
        call: &Call,
    ) -> Result<(), DriverError> {
        let words = Words(call.words);
        let config = LaunchConfig {
            grid_dim: call.grid.into(),
            block_dim: (call.threads, 1, 1),
            shared_mem_bytes: call.shared_bytes,
        };
        let mut builder = stream.launch_builder(function);
        builder.arg(&words);
        // SAFETY: only this crate's launchers make calls, and they checked that every address in
        // `words` has the length that the kernel reads and writes. Memory is freed in the order of
        // this same stream.
        let launched = unsafe {
            if call.cooperative {
                builder.launch_cooperative(config)
            } else {
                builder.launch(config)
            }
        };
        launched.map(|_| ())
    }
}
