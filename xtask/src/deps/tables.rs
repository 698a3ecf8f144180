//! What is fetched: every wheel, pinned by its SHA-256, and which of its files are kept under which name.
//!
//! The wheels are those for CPython 3.12, whatever Python the user has: the native libraries inside do not depend on
//! Python, and one wheel means one hash. Versions of CUDA's parts are those that torch 2.11.0's METADATA asks for.

/// With CUDA or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Cpu,
    Cuda,
}

/// A folder in the cache, made of files out of one or more wheels.
#[derive(Debug)]
pub(super) struct Bundle {
    /// Its name in messages.
    pub(super) title: &'static str,
    /// Its folder's name in the cache. It holds the version, so that two checkouts may differ.
    pub(super) folder: &'static str,
    /// The name of its link in the checkout's `.pellucid/`.
    pub(super) link: &'static str,
    /// Where its files come from.
    pub(super) wheels: &'static [Wheel],
    /// The bytes of all files that are kept, about.
    pub(super) kept_bytes: u64,
    /// Small files that no wheel holds: path and content.
    pub(super) written: &'static [(&'static str, &'static str)],
}

/// One wheel on PyPI.
#[derive(Debug)]
pub(super) struct Wheel {
    /// The distribution's name.
    pub(super) project: &'static str,
    /// Its version.
    pub(super) version: &'static str,
    /// The wheel's file name, from which pip's platform tags are read.
    pub(super) file: &'static str,
    /// The wheel's SHA-256 in lower-case hexadecimal.
    pub(super) sha256: &'static str,
    /// The wheel's size in bytes.
    pub(super) bytes: u64,
    /// What is kept of it.
    pub(super) keep: &'static [Keep],
}

/// A file or a folder of a wheel and where it goes in the bundle.
#[derive(Debug)]
pub(super) enum Keep {
    /// One file: its path in the wheel, its path in the bundle.
    File(&'static str, &'static str),
    /// Everything below a folder: both paths end in `/`.
    Folder(&'static str, &'static str),
}

impl Keep {
    /// Where `path` of the wheel goes in the bundle, if it is kept at all.
    pub(super) fn target(&self, path: &str) -> Option<String> {
        match self {
            Self::File(from, to) => (path == *from).then(|| (*to).to_owned()),
            Self::Folder(from, to) => path.strip_prefix(from).map(|rest| format!("{to}{rest}")),
        }
    }
}

impl Wheel {
    /// The platform tags in the file name, as pip wants them; see the binary distribution format of the Python
    /// Packaging User Guide: `{name}-{version}-{python}-{abi}-{platform}.whl`, alternatives joined by dots.
    pub(super) fn platforms(&self) -> impl Iterator<Item = &'static str> {
        let tags = self
            .file
            .trim_end_matches(".whl")
            .rsplit('-')
            .next()
            .unwrap_or_default();
        tags.split('.')
    }
}

/// The bundles of a flavour.
pub(super) fn bundles(flavour: Flavour) -> &'static [Bundle] {
    match flavour {
        Flavour::Cpu => CPU,
        Flavour::Cuda => CUDA,
    }
}

use Keep::{File, Folder};

const CPU: &[Bundle] = &[
    Bundle {
        title: "libtorch 2.11.0",
        folder: "libtorch-2.11.0",
        link: "libtorch",
        kept_bytes: 510_000_000,
        wheels: &[
            torch(&[
                Folder("torch/include/", "include/"),
                File("torch/lib/libc10.so", "lib/libc10.so"),
                File("torch/lib/libgomp.so.1", "lib/libgomp.so.1"),
                File("torch/lib/libtorch.so", "lib/libtorch.so"),
                File("torch/lib/libtorch_cpu.so", "lib/libtorch_cpu.so"),
            ]),
            CUDA_RUNTIME,
            CUPTI,
        ],
        written: BUILD_VERSION,
    },
    Bundle {
        title: "ONNX Runtime 1.28.0",
        folder: "onnxruntime-1.28.0",
        link: "onnxruntime",
        kept_bytes: 25_000_000,
        wheels: &[Wheel {
            project: "onnxruntime",
            version: "1.28.0",
            file: "onnxruntime-1.28.0-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
            sha256: "0a83bdb70d143cede762b677789bf2a7acca54b3fb82565601d5c30695aa933c",
            bytes: 19_214_257,
            keep: &[File(
                "onnxruntime/capi/libonnxruntime.so.1.28.0",
                "libonnxruntime.so",
            )],
        }],
        written: &[],
    },
];

const CUDA: &[Bundle] = &[
    Bundle {
        title: "libtorch 2.11.0 with CUDA 13",
        folder: "libtorch-2.11.0-cuda",
        link: "libtorch",
        kept_bytes: 3_540_000_000,
        // One flat folder: every one of these libraries looks for the others beside itself ($ORIGIN in its run path).
        wheels: &[
            torch(&[
                Folder("torch/include/", "include/"),
                File("torch/lib/libc10.so", "lib/libc10.so"),
                File("torch/lib/libc10_cuda.so", "lib/libc10_cuda.so"),
                File("torch/lib/libcaffe2_nvrtc.so", "lib/libcaffe2_nvrtc.so"),
                File("torch/lib/libgomp.so.1", "lib/libgomp.so.1"),
                File("torch/lib/libtorch.so", "lib/libtorch.so"),
                File("torch/lib/libtorch_cpu.so", "lib/libtorch_cpu.so"),
                File("torch/lib/libtorch_cuda.so", "lib/libtorch_cuda.so"),
                File(
                    "torch/lib/libtorch_cuda_linalg.so",
                    "lib/libtorch_cuda_linalg.so",
                ),
                File("torch/lib/libtorch_nvshmem.so", "lib/libtorch_nvshmem.so"),
            ]),
            CUDA_RUNTIME,
            CUPTI,
            Wheel {
                project: "nvidia-cublas",
                version: "13.1.0.3",
                file: "nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl",
                sha256: "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
                bytes: 423_133_236,
                keep: &[
                    File("nvidia/cu13/lib/libcublas.so.13", "lib/libcublas.so.13"),
                    File("nvidia/cu13/lib/libcublasLt.so.13", "lib/libcublasLt.so.13"),
                ],
            },
            Wheel {
                project: "nvidia-cuda-nvrtc",
                version: "13.0.88",
                file: "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
                sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
                bytes: 90_215_200,
                keep: &[
                    File("nvidia/cu13/lib/libnvrtc.so.13", "lib/libnvrtc.so.13"),
                    File(
                        "nvidia/cu13/lib/libnvrtc-builtins.so.13.0",
                        "lib/libnvrtc-builtins.so.13.0",
                    ),
                ],
            },
            Wheel {
                project: "nvidia-cudnn-cu13",
                version: "9.19.0.56",
                file: "nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl",
                sha256: "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
                bytes: 366_066_321,
                keep: &[Folder("nvidia/cudnn/lib/", "lib/")],
            },
            Wheel {
                project: "nvidia-cufft",
                version: "12.0.0.61",
                file: "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                sha256: "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
                bytes: 214_085_489,
                keep: &[File("nvidia/cu13/lib/libcufft.so.12", "lib/libcufft.so.12")],
            },
            Wheel {
                project: "nvidia-cufile",
                version: "1.15.1.6",
                file: "nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                sha256: "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
                bytes: 1_223_672,
                keep: &[File("nvidia/cu13/lib/libcufile.so.0", "lib/libcufile.so.0")],
            },
            Wheel {
                project: "nvidia-curand",
                version: "10.4.0.35",
                file: "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
                sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
                bytes: 59_544_258,
                keep: &[File(
                    "nvidia/cu13/lib/libcurand.so.10",
                    "lib/libcurand.so.10",
                )],
            },
            Wheel {
                project: "nvidia-cusolver",
                version: "12.0.4.66",
                file: "nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl",
                sha256: "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
                bytes: 200_941_980,
                keep: &[File(
                    "nvidia/cu13/lib/libcusolver.so.12",
                    "lib/libcusolver.so.12",
                )],
            },
            Wheel {
                project: "nvidia-cusparse",
                version: "12.6.3.3",
                file: "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                sha256: "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
                bytes: 145_942_937,
                keep: &[File(
                    "nvidia/cu13/lib/libcusparse.so.12",
                    "lib/libcusparse.so.12",
                )],
            },
            Wheel {
                project: "nvidia-cusparselt-cu13",
                version: "0.8.0",
                file: "nvidia_cusparselt_cu13-0.8.0-py3-none-manylinux2014_x86_64.whl",
                sha256: "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
                bytes: 169_884_119,
                keep: &[File(
                    "nvidia/cusparselt/lib/libcusparseLt.so.0",
                    "lib/libcusparseLt.so.0",
                )],
            },
            Wheel {
                project: "nvidia-nccl-cu13",
                version: "2.28.9",
                file: "nvidia_nccl_cu13-2.28.9-py3-none-manylinux_2_18_x86_64.whl",
                sha256: "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
                bytes: 196_493_177,
                keep: &[File("nvidia/nccl/lib/libnccl.so.2", "lib/libnccl.so.2")],
            },
            Wheel {
                project: "nvidia-nvjitlink",
                version: "13.0.88",
                file: "nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
                sha256: "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
                bytes: 40_713_933,
                keep: &[File(
                    "nvidia/cu13/lib/libnvJitLink.so.13",
                    "lib/libnvJitLink.so.13",
                )],
            },
            Wheel {
                project: "nvidia-nvshmem-cu13",
                version: "3.4.5",
                file: "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                sha256: "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
                bytes: 60_412_546,
                keep: &[File(
                    "nvidia/nvshmem/lib/libnvshmem_host.so.3",
                    "lib/libnvshmem_host.so.3",
                )],
            },
        ],
        written: BUILD_VERSION,
    },
    Bundle {
        title: "ONNX Runtime 1.28.0 with CUDA 13",
        folder: "onnxruntime-gpu-1.28.0",
        link: "onnxruntime",
        kept_bytes: 305_000_000,
        wheels: &[Wheel {
            project: "onnxruntime-gpu",
            version: "1.28.0",
            file: "onnxruntime_gpu-1.28.0-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
            sha256: "3b3a63cecd239d72432cd44569d047de8f4d69e471cd5f60f7ac7fc8769be5ec",
            bytes: 249_767_362,
            keep: &[
                File(
                    "onnxruntime/capi/libonnxruntime.so.1.28.0",
                    "libonnxruntime.so",
                ),
                File(
                    "onnxruntime/capi/libonnxruntime_providers_cuda.so",
                    "libonnxruntime_providers_cuda.so",
                ),
                File(
                    "onnxruntime/capi/libonnxruntime_providers_shared.so",
                    "libonnxruntime_providers_shared.so",
                ),
            ],
        }],
        written: &[],
    },
];

/// torch-sys reads the version from this file.
/// The version of libtorch, which tch is written for.
pub(crate) const TORCH_VERSION: &str = "2.11.0";
const BUILD_VERSION: &[(&str, &str)] = &[("build-version", "2.11.0+cu130\n")];

const fn torch(keep: &'static [Keep]) -> Wheel {
    Wheel {
        project: "torch",
        version: TORCH_VERSION,
        file: "torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        sha256: "0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756",
        bytes: 530_712_279,
        keep,
    }
}

/// `libtorch_cpu.so` of the PyPI wheel is linked against it, with a GPU or without.
const CUDA_RUNTIME: Wheel = Wheel {
    project: "nvidia-cuda-runtime",
    version: "13.0.96",
    file: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    bytes: 2_243_632,
    keep: &[File(
        "nvidia/cu13/lib/libcudart.so.13",
        "lib/libcudart.so.13",
    )],
};

/// As above: the profiler inside `libtorch_cpu.so` wants it.
const CUPTI: Wheel = Wheel {
    project: "nvidia-cuda-cupti",
    version: "13.0.85",
    file: "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
    sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
    bytes: 10_715_597,
    keep: &[File("nvidia/cu13/lib/libcupti.so.13", "lib/libcupti.so.13")],
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn pip_is_asked_for_exactly_the_tags_of_the_wheel() {
        let [torch, runtime, ..] = bundles(Flavour::Cpu)[0].wheels else {
            panic!("libtorch has its wheels")
        };
        assert_eq!(
            torch.platforms().collect::<Vec<_>>(),
            ["manylinux_2_28_x86_64"]
        );
        assert_eq!(
            runtime.platforms().collect::<Vec<_>>(),
            ["manylinux2014_x86_64", "manylinux_2_17_x86_64"]
        );
    }

    #[test]
    fn files_and_folders_are_chosen_by_their_path() {
        let folder = Folder("torch/include/", "include/");
        assert_eq!(
            folder.target("torch/include/ATen/ATen.h").as_deref(),
            Some("include/ATen/ATen.h")
        );
        assert_eq!(folder.target("torch/included.h"), None);
        let file = File("torch/lib/libc10.so", "lib/libc10.so");
        assert_eq!(
            file.target("torch/lib/libc10.so").as_deref(),
            Some("lib/libc10.so")
        );
        assert_eq!(file.target("torch/lib/libc10.so.1"), None);
    }

    #[test]
    fn the_cuda_flavour_holds_everything_that_the_other_holds() {
        let targets = |bundle: &Bundle| -> HashSet<&str> {
            let keeps = bundle.wheels.iter().flat_map(|wheel| wheel.keep);
            keeps
                .map(|keep| match keep {
                    File(_, to) | Folder(_, to) => *to,
                })
                .collect()
        };
        for (cpu, cuda) in bundles(Flavour::Cpu).iter().zip(bundles(Flavour::Cuda)) {
            assert_eq!(cpu.link, cuda.link);
            assert_ne!(cpu.folder, cuda.folder, "one must not overwrite the other");
            assert!(targets(cpu).is_subset(&targets(cuda)));
        }
    }

    #[test]
    fn every_file_name_agrees_with_its_project_and_version() {
        for wheel in [Flavour::Cpu, Flavour::Cuda]
            .into_iter()
            .flat_map(bundles)
            .flat_map(|bundle| bundle.wheels)
        {
            let expected = format!("{}-{}-", wheel.project.replace('-', "_"), wheel.version);
            assert!(wheel.file.starts_with(&expected), "{}", wheel.file);
            assert!(
                wheel.sha256.len() == 64
                    && wheel.sha256.bytes().all(|byte| byte.is_ascii_hexdigit())
            );
        }
    }
}
