//! What computes a stock checkpoint.

/// The processor, or one of the GPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// `cpu`
    Cpu,
    /// `cuda` or `cuda:N`
    Cuda {
        /// Its place among the GPUs of this machine, from 0.
        ordinal: usize,
    },
}

impl Device {
    /// As configured, if that is one.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "cpu" {
            return Some(Self::Cpu);
        }
        let number = match name.strip_prefix("cuda")? {
            "" => "0",
            rest => rest.strip_prefix(':')?,
        };
        // `parse` alone would also take a plus sign.
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let ordinal = number.parse().ok().filter(|_| is_number)?;
        Some(Self::Cuda { ordinal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_the_processor_and_gpus_from_0() {
        let cuda = |ordinal| Some(Device::Cuda { ordinal });
        for (name, device) in [
            ("cpu", Some(Device::Cpu)),
            ("cuda", cuda(0)),
            ("cuda:0", cuda(0)),
            ("cuda:7", cuda(7)),
            ("", None),
            ("CPU", None),
            ("cpu:0", None),
            ("cuda:", None),
            ("cuda:-1", None),
            ("cuda:+1", None),
            ("cuda7", None),
            ("gpu", None),
            ("cuda:99999999999999999999", None),
        ] {
            assert_eq!(Device::parse(name), device, "{name}");
        }
    }
}
