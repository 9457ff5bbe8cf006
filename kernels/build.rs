//! Compiles `cuda/` for what the features ask for: the host, GPUs, both or neither.

fn main() {
    println!("cargo::rerun-if-changed=cuda");
    println!("cargo::rerun-if-changed=host");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(host_build)");
    #[cfg(feature = "host")]
    host::build();
    #[cfg(feature = "cuda")]
    cuda::build();
}

#[cfg(feature = "host")]
mod host {
    /// The kernels as host C++, linked statically.
    pub fn build() {
        let mut build = cc::Build::new();
        build
            .cpp(true)
            .std("c++17")
            .file("host/launch.cpp")
            .define("HYFUNC_HOST", None)
            .opt_level(2)
            .debug(false)
            .warnings(false)
            // Threads are switched with longjmp between stacks, which fortification forbids.
            .flag("-U_FORTIFY_SOURCE")
            .flag("-fno-strict-aliasing")
            .flag_if_supported("-ffp-contract=off");
        // Nothing that serves needs it, so nothing else is to fail for want of a compiler.
        let answers = |tool: cc::Tool| tool.to_command().arg("--version").output().is_ok();
        if !build.try_get_compiler().is_ok_and(answers) {
            println!(
                "cargo::warning=the kernels are not tested, since there is no C++17 compiler: apt \
                 install g++, or name one in CXX"
            );
            return;
        }
        match build.try_compile("hyfunc_host") {
            Ok(()) => println!("cargo::rustc-cfg=host_build"),
            Err(error) => println!("cargo::error=the host build of the kernels failed: {error}"),
        }
    }
}

#[cfg(feature = "cuda")]
mod cuda {
    use std::env;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// H100 and H200, with the instructions that only they have; and every GPU from the A100 on, of
    /// later generations by way of PTX.
    const TARGETS: [&str; 2] =
        ["arch=compute_90a,code=sm_90a", "arch=compute_80,code=[sm_80,compute_80]"];

    const HOMES: [&str; 3] = ["CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"];

    /// One image with the code of all targets.
    pub fn build() {
        for variable in HOMES.iter().chain(&["PATH", "NVCC_CCBIN"]) {
            println!("cargo::rerun-if-env-changed={variable}");
        }
        let Some(nvcc) = nvcc() else {
            println!(
                "cargo::error=the feature `cuda` needs nvcc 13 on PATH or below CUDA_HOME, and there \
                 is none. `deploy/cuda-toolkit.sh FOLDER` sets one up without root and prints the \
                 variables to set"
            );
            return;
        };
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
        let mut command = Command::new(&nvcc);
        command.args(["-std=c++17", "-O3", "-fatbin", "-Xfatbin=-compress-all"]);
        for target in TARGETS {
            command.arg("-gencode").arg(target);
        }
        command.arg("cuda/all.cu").arg("-o").arg(out.join("kernels.fatbin"));
        match command.output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => tell(&nvcc, &String::from_utf8_lossy(&output.stderr)),
            Err(error) => tell(&nvcc, &error.to_string()),
        }
    }

    fn tell(nvcc: &Path, reason: &str) {
        for line in reason.lines().filter(|line| !line.trim().is_empty()) {
            println!("cargo::error={}: {line}", nvcc.display());
        }
    }

    /// The one that the environment names, else the first on PATH.
    fn nvcc() -> Option<PathBuf> {
        let named = HOMES.iter().filter_map(env::var_os).map(|home| Path::new(&home).join("bin"));
        let paths = env::var_os("PATH").unwrap_or_default();
        let on_path = env::split_paths(&paths).collect::<Vec<_>>();
        named.chain(on_path).map(|folder| folder.join("nvcc")).find(|nvcc| nvcc.is_file())
    }
}
