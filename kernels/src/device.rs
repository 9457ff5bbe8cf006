//! A GPU.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::cublas::CudaBlas;
use cudarc::cublas::result::CublasError;
use cudarc::driver::sys::{
    CUdevice_attribute, CUgraphInstantiate_flags, CUresult, CUstreamCaptureMode,
};
use cudarc::driver::{
    CudaContext, CudaFunction, CudaModule, CudaSlice, CudaStream, DevicePtr, DevicePtrMut,
    DriverError,
};
use cudarc::nvrtc::Ptx;

use crate::error::KernelError;
use crate::foreign;
use crate::machine::{self, Call, Machine, Product, Recorded};
use crate::probe::{self, Identity, Probe};
use crate::requirements;

/// The code of all kernels for all targets of `build.rs`.
static IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin"));

/// No allocation is smaller: an empty tensor has an address, too.
const ALLOCATION_BYTES_MIN: usize = 16;

/// A GPU with the kernels loaded and one stream, on which everything runs in order.
pub struct Device {
    stream: Arc<CudaStream>,
    module: Arc<CudaModule>,
    functions: Mutex<HashMap<String, CudaFunction>>,
    processors: usize,
    name: String,
    library: Option<foreign::blas::Library>,
}

/// Memory of a GPU.
pub struct DeviceMemory {
    bytes: CudaSlice<u8>,
    len: usize,
}

impl Device {
    /// Opens `cuda:ordinal` and loads the kernels.
    ///
    /// # Errors
    /// When there is no driver, an old one, no such device, one of an older generation than was
    /// built for, or no memory left on it.
    pub fn open(ordinal: usize) -> Result<Self, KernelError> {
        if !foreign::cuda::is_present() {
            return Err(KernelError::NoDriver);
        }
        let found = foreign::cuda::version().map_err(|e| failed("asking for the version", e))?;
        requirements::driver(found)?;
        let count = match CudaContext::device_count() {
            Ok(count) => usize::try_from(count).unwrap_or(0),
            Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)) => 0,
            Err(error) => return Err(failed("counting devices", error)),
        };
        requirements::ordinal(ordinal, count)?;
        let context = CudaContext::new(ordinal).map_err(|e| failed("opening the device", e))?;
        foreign::cuda::use_one_stream(&context);
        let name = context.name().map_err(|e| failed("asking for the name", e))?;
        let (major, minor) =
            context.compute_capability().map_err(|e| failed("asking for the generation", e))?;
        requirements::generation(&name, (major, minor))?;
        let module = match context.load_module(Ptx::from_binary(IMAGE.to_vec())) {
            Err(DriverError(CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU)) => {
                return Err(KernelError::OtherGeneration { name, major, minor });
            }
            loaded => loaded.map_err(|e| failed("loading the kernels", e))?,
        };
        let processors = context
            .attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
            .map_err(|e| failed("counting multiprocessors", e))?;
        let stream = context.new_stream().map_err(|e| failed("making a stream", e))?;
        Ok(Self {
            library: foreign::blas::Library::open(&stream),
            stream,
            module,
            functions: Mutex::default(),
            processors: usize::try_from(processors).unwrap_or(1).max(1),
            name,
        })
    }

    /// What the driver calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether products of many rows are computed by cuBLASLt: where it is not installed, by the kernels
    /// alone.
    #[must_use]
    pub fn has_library(&self) -> bool {
        self.library.is_some()
    }

    /// The stream that everything runs on, to capture it into a graph, or to measure. Memory is not
    /// ordered with any other stream.
    #[must_use]
    pub fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    fn function(&self, entry: &str) -> Result<CudaFunction, KernelError> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = functions.get(entry) {
            return Ok(function.clone());
        }
        let function = self.module.load_function(entry).map_err(|e| failed(entry, e))?;
        functions.insert(entry.to_owned(), function.clone());
        Ok(function)
    }
}

impl Machine for Device {
    type Memory = DeviceMemory;
    type Recording = foreign::cuda::Graph;

    fn write(&self, bytes: &[u8]) -> Result<DeviceMemory, KernelError> {
        let short = bytes.len() < ALLOCATION_BYTES_MIN;
        let copied = if short {
            let mut padded = bytes.to_vec();
            padded.resize(ALLOCATION_BYTES_MIN, 0);
            self.stream.clone_htod(&padded)
        } else {
            self.stream.clone_htod(bytes)
        };
        match copied {
            Ok(copy) => Ok(DeviceMemory { bytes: copy, len: bytes.len() }),
            Err(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => {
                Err(KernelError::OutOfMemory { bytes: Some(bytes.len()) })
            }
            Err(error) => Err(failed("writing memory", error)),
        }
    }

    fn zeros(&self, bytes: usize) -> Result<DeviceMemory, KernelError> {
        let zeros = self.stream.alloc_zeros::<u8>(bytes.max(ALLOCATION_BYTES_MIN));
        match zeros {
            Ok(zeros) => Ok(DeviceMemory { bytes: zeros, len: bytes }),
            Err(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => {
                Err(KernelError::OutOfMemory { bytes: Some(bytes) })
            }
            Err(error) => Err(failed("making memory", error)),
        }
    }

    fn overwrite(
        &self,
        memory: &mut DeviceMemory,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), KernelError> {
        let end = machine::end(at, bytes.len(), memory.len)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let mut place = memory.bytes.slice_mut(at..end);
        self.stream
            .memcpy_htod(bytes, &mut place)
            .map_err(|error| failed("writing over memory", error))
    }

    fn read_first(&self, memory: &DeviceMemory, count: usize) -> Result<Vec<u8>, KernelError> {
        let count = count.min(memory.len);
        if count == 0 {
            self.wait()?;
            return Ok(Vec::new());
        }
        let bytes = self
            .stream
            .clone_dtoh(&memory.bytes.slice(..count))
            .map_err(|error| failed("reading memory", error))?;
        self.wait()?;
        Ok(bytes)
    }

    fn address(&self, memory: &DeviceMemory) -> u64 {
        // One stream: what the guard would order is in order.
        let (address, _guard) = memory.bytes.device_ptr(&self.stream);
        address
    }

    fn address_mut(&self, memory: &mut DeviceMemory) -> u64 {
        let (address, _guard) = memory.bytes.device_ptr_mut(&self.stream);
        address
    }

    fn run(&self, call: &Call) -> Result<(), KernelError> {
        let function = self.function(&call.entry)?;
        foreign::cuda::launch(&self.stream, &function, call)
            .map_err(|error| failed(&call.entry, error))
    }

    fn multiply(&self, product: &Product) -> Result<bool, KernelError> {
        let Some(library) = &self.library else { return Ok(false) };
        let bound = self.stream.context().bind_to_thread();
        bound.map_err(|error| failed("multiplying", error))?;
        library.multiply(product).map_err(|error| KernelError::Driver {
            what: "multiplying".to_owned(),
            code: error.to_string(),
        })
    }

    fn record(&self) -> Result<(), KernelError> {
        // Other threads may do on other streams what they like.
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        self.stream.begin_capture(mode).map_err(|error| failed("recording", error))
    }

    fn recorded(&self) -> Result<foreign::cuda::Graph, KernelError> {
        let graph = self.stream.end_capture(CUgraphInstantiate_flags(0));
        let graph = graph.map_err(|error| failed("ending a recording", error))?;
        graph.map(foreign::cuda::Graph).ok_or_else(|| KernelError::Driver {
            what: "ending a recording".to_owned(),
            code: "nothing".to_owned(),
        })
    }

    fn replay(&self, recording: &Recorded<foreign::cuda::Graph>) -> Result<(), KernelError> {
        recording.0.0.launch().map_err(|error| failed("replaying a recording", error))
    }

    fn wait(&self) -> Result<(), KernelError> {
        self.stream.synchronize().map_err(|error| failed("waiting", error))
    }

    fn processors(&self) -> usize {
        self.processors
    }
}

/// Copies in a row, of which one is timed.
const COPIES: usize = 10;
/// Products in a row, likewise.
const PRODUCTS: usize = 20;

impl Probe for Device {
    fn identity(&self) -> Result<Identity, KernelError> {
        let version = foreign::cuda::version().map_err(|e| failed("asking for the version", e))?;
        let uuid = self.stream.context().uuid().map_err(|e| failed("asking who it is", e))?;
        Ok(Identity {
            name: self.name.clone(),
            uuid: Some(uuid_text(&uuid.bytes.map(|byte| byte.to_ne_bytes()[0]))),
            cuda: Some(format!("{}.{}", version / 1000, version % 1000 / 10)),
        })
    }

    fn free_bytes(&self) -> Result<Option<usize>, KernelError> {
        let told = self.stream.context().mem_get_info();
        let (free, _total) = told.map_err(|e| failed("asking for free memory", e))?;
        Ok(Some(free))
    }

    fn copied_bytes_per_second(&self, bytes: usize) -> Result<f64, KernelError> {
        let from = self.write(&probe::noise(bytes))?;
        let mut to = self.zeros(bytes)?;
        let seconds = probe::seconds(self, COPIES, || {
            self.stream.memcpy_dtod(&from.bytes, &mut to.bytes).map_err(|e| failed("copying", e))
        })?;
        Ok(2.0 * bytes as f64 / seconds)
    }

    fn multiplied_operations_per_second(&self, width: usize) -> Result<Option<f64>, KernelError> {
        if !foreign::cuda::has_cublas() {
            return Ok(None);
        }
        let blas = CudaBlas::new(Arc::clone(&self.stream)).map_err(unmultiplied)?;
        let noise = probe::noise(2 * width * width);
        let (a, b) = (self.write(&noise)?, self.write(&noise)?);
        let mut c = self.zeros(2 * width * width)?;
        let (a, b, c) = (self.address(&a), self.address(&b), self.address_mut(&mut c));
        let seconds = probe::seconds(self, PRODUCTS, || {
            foreign::cuda::square_product(&blas, width, [a, b, c]).map_err(unmultiplied)
        })?;
        Ok(Some(2.0 * (width as f64).powi(3) / seconds))
    }
}

/// As the driver's own tools write it: `GPU-` and the digits in groups of 8, 4, 4, 4 and 12.
fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = "GPU".to_owned();
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 0 | 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

fn unmultiplied(error: CublasError) -> KernelError {
    KernelError::Driver { what: "multiplying matrices".to_owned(), code: format!("{:?}", error.0) }
}

/// The error by its kind.
fn failed(what: &str, error: DriverError) -> KernelError {
    let code = format!("{:?}", error.0);
    match error.0 {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => KernelError::OutOfMemory { bytes: None },
        // After these the context answers nothing else.
        CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
        | CUresult::CUDA_ERROR_LAUNCH_TIMEOUT
        | CUresult::CUDA_ERROR_HARDWARE_STACK_ERROR
        | CUresult::CUDA_ERROR_ILLEGAL_INSTRUCTION
        | CUresult::CUDA_ERROR_MISALIGNED_ADDRESS
        | CUresult::CUDA_ERROR_INVALID_ADDRESS_SPACE
        | CUresult::CUDA_ERROR_INVALID_PC
        | CUresult::CUDA_ERROR_LAUNCH_FAILED
        | CUresult::CUDA_ERROR_ASSERT
        | CUresult::CUDA_ERROR_ECC_UNCORRECTABLE
        | CUresult::CUDA_ERROR_CONTEXT_IS_DESTROYED => KernelError::Sticky { code },
        _ => KernelError::Driver { what: what.to_owned(), code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_driver_have_their_names() {
        let kind = |code: CUresult| failed("testing", DriverError(code));
        assert_eq!(
            kind(CUresult::CUDA_ERROR_OUT_OF_MEMORY),
            KernelError::OutOfMemory { bytes: None }
        );
        assert!(matches!(
            kind(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS),
            KernelError::Sticky { code } if code.contains("ILLEGAL_ADDRESS")
        ));
        assert!(matches!(
            kind(CUresult::CUDA_ERROR_INVALID_VALUE),
            KernelError::Driver { what, .. } if what == "testing"
        ));
    }

    #[test]
    fn a_device_is_known_by_the_name_that_its_tools_write() {
        let bytes = std::array::from_fn(|at| 0x10 + at as u8);
        assert_eq!(uuid_text(&bytes), "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f");
    }

    #[test]
    fn the_image_is_there() {
        assert!(IMAGE.len() > 1024);
    }
}
