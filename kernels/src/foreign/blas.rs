//! NVIDIA's library of matrix products (cuBLASLt), where it is installed. It is opened by its name, as
//! the driver is: nothing is linked to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::cublaslt::result::{self, CublasError};
use cudarc::cublaslt::sys;
use cudarc::driver::{CudaSlice, CudaStream, DevicePtr};

use crate::element::Float;
use crate::machine::Product;

/// What it may use beside operands and answer: NVIDIA's advice for Hopper.
const WORKSPACE_BYTES: usize = 32 << 20;

/// The library, on one stream.
pub struct Library {
    handle: sys::cublasLtHandle_t,
    workspace: u64,
    /// Holds the workspace.
    _memory: CudaSlice<u8>,
    stream: Arc<CudaStream>,
    /// None: it has no way to compute that.
    plans: Mutex<HashMap<Size, Option<Plan>>>,
}

// SAFETY: NVIDIA says that a handle may be used by many threads; plans are behind a lock and are never
// changed once they are there.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

/// What a plan depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Size {
    float: Float,
    wide: bool,
    rows: usize,
    width_in: usize,
    width_out: usize,
}

/// How one size of product is computed. The library counts columns first: of its point of view a matrix
/// `[rows, width]` of ours is `[width, rows]`, so that it multiplies weightsᵀ by x and gives outᵀ.
struct Plan {
    product: sys::cublasLtMatmulDesc_t,
    weights: sys::cublasLtMatrixLayout_t,
    x: sys::cublasLtMatrixLayout_t,
    out: sys::cublasLtMatrixLayout_t,
    algorithm: Option<sys::cublasLtMatmulAlgo_t>,
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: each was made by the library for this plan alone, or is null. What it says of their
        // end changes nothing.
        unsafe {
            for layout in [self.weights, self.x, self.out] {
                if !layout.is_null() {
                    let _ = result::destroy_matrix_layout(layout);
                }
            }
            if !self.product.is_null() {
                let _ = result::destroy_matmul_desc(self.product);
            }
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.plans.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        // SAFETY: the handle is this one's alone.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

impl Library {
    /// The library, if it is installed and there is room for its workspace.
    pub fn open(stream: &Arc<CudaStream>) -> Option<Self> {
        // SAFETY: loads NVIDIA's library by its name, which runs its initialisers.
        if !unsafe { sys::is_culib_present() } {
            return None;
        }
        stream.context().bind_to_thread().ok()?;
        let memory = stream.alloc_zeros::<u8>(WORKSPACE_BYTES).ok()?;
        let (workspace, guard) = memory.device_ptr(stream);
        drop(guard);
        let handle = result::create_handle().ok()?;
        let (stream, plans) = (Arc::clone(stream), Mutex::default());
        Some(Self { handle, workspace, _memory: memory, stream, plans })
    }

    /// Starts a product; false where it has no way to compute one of that size.
    pub fn multiply(&self, product: &Product) -> Result<bool, CublasError> {
        let Product { float, wide, rows, width_in, width_out, .. } = *product;
        let size = Size { float, wide, rows, width_in, width_out };
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = plans.entry(size).or_insert_with(|| self.plan(size).ok());
        let Some(plan) = plan else { return Ok(false) };
        let Some(algorithm) = &plan.algorithm else { return Ok(false) };
        let (one, zero) = (1.0f32, 0.0f32);
        // SAFETY: only this crate's launchers make products, and they checked that every address has
        // the length of its layout; scalars are f32, as the plan says; the workspace is this one's, and
        // what it is used for runs in order.
        unsafe {
            result::matmul(
                self.handle,
                plan.product,
                (&raw const one).cast(),
                (&raw const zero).cast(),
                product.weights as *const _,
                plan.weights,
                product.x as *const _,
                plan.x,
                product.out as *const _,
                plan.out,
                product.out as *mut _,
                plan.out,
                algorithm,
                self.workspace as *mut _,
                WORKSPACE_BYTES,
                self.stream.cu_stream().cast(),
            )
        }?;
        Ok(true)
    }

    fn plan(&self, size: Size) -> Result<Plan, CublasError> {
        use sys::cudaDataType_t::{CUDA_R_16BF, CUDA_R_16F, CUDA_R_32F};
        let float = match size.float {
            Float::F16 => CUDA_R_16F,
            Float::Bf16 => CUDA_R_16BF,
        };
        let answer = if size.wide { CUDA_R_32F } else { float };
        let layout = |kind, width: usize, count: usize| {
            result::create_matrix_layout(kind, width as u64, count as u64, width as i64)
        };
        // What was made is destroyed where a later part fails.
        let mut plan = Plan {
            product: std::ptr::null_mut(),
            weights: std::ptr::null_mut(),
            x: std::ptr::null_mut(),
            out: std::ptr::null_mut(),
            algorithm: None,
        };
        let sums = sys::cublasComputeType_t::CUBLAS_COMPUTE_32F;
        plan.product = result::create_matmul_desc(sums, CUDA_R_32F)?;
        plan.weights = layout(float, size.width_in, size.width_out)?;
        plan.x = layout(float, size.width_in, size.rows)?;
        plan.out = layout(answer, size.width_out, size.rows)?;
        let is_turned: i32 = 1;
        // SAFETY: the attribute is an i32.
        unsafe {
            result::set_matmul_desc_attribute(
                plan.product,
                sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_TRANSA,
                (&raw const is_turned).cast(),
                size_of::<i32>(),
            )
        }?;
        let preference = result::create_matmul_pref()?;
        let bytes: u64 = WORKSPACE_BYTES as u64;
        let most =
            sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
        // SAFETY: the attribute is a u64; all parts were made above and are still there; the preference
        // is destroyed once, whatever was found.
        let found = unsafe {
            let set = result::set_matmul_pref_attribute(
                preference,
                most,
                (&raw const bytes).cast(),
                size_of::<u64>(),
            );
            let found = set.and_then(|()| {
                result::get_matmul_algo_heuristic(
                    self.handle,
                    plan.product,
                    plan.weights,
                    plan.x,
                    plan.out,
                    plan.out,
                    preference,
                )
            });
            let _ = result::destroy_matmul_pref(preference);
            found
        };
        plan.algorithm = Some(found?.algo);
        Ok(plan)
    }
}
