// What tch does not reach of libtorch, as C functions for shim.rs. No exception leaves them.

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/version.h>

#include <malloc.h>

#include <cstdint>

namespace {

/// Runs `body`; what it throws becomes `failed`.
template <typename Body, typename Result>
Result guarded(Body body, Result failed) {
  try {
    return body();
  } catch (...) {
    return failed;
  }
}

}  // namespace

extern "C" {

/// The version of the headers that this was compiled with.
const char* pellucid_torch_version() { return TORCH_VERSION; }

/// Whether float32 convolutions and matrix products on CUDA may round their factors to TF32.
bool pellucid_allow_tf32(bool convolutions, bool products) {
  return guarded(
      [&] {
        at::globalContext().setAllowTF32CuDNN(convolutions);
        at::globalContext().setAllowTF32CuBLAS(products);
        return true;
      },
      false);
}

/// CUDA's runtime version, such as 13000; -1 without CUDA.
int64_t pellucid_cuda_version() {
  return guarded([] { return int64_t{at::detail::getCUDAHooks().versionCUDART()}; }, int64_t{-1});
}

/// cuDNN's version, such as 91900; -1 without CUDA.
int64_t pellucid_cudnn_version() {
  return guarded([] { return int64_t{at::detail::getCUDAHooks().versionRuntimeCuDNN()}; }, int64_t{-1});
}

/// Free and total bytes of a card; false where they cannot be told.
bool pellucid_card_memory(int32_t card, uint64_t* free, uint64_t* total) {
  return guarded(
      [&] {
        auto memory = at::accelerator::getMemoryInfo(static_cast<c10::DeviceIndex>(card));
        *free = memory.first;
        *total = memory.second;
        return true;
      },
      false);
}

/// The most bytes that tensors held on a card since the last reset; -1 where it cannot be told.
int64_t pellucid_peak_memory(int32_t card) {
  return guarded(
      [&] {
        auto stats = at::accelerator::getDeviceStats(static_cast<c10::DeviceIndex>(card));
        return stats.allocated_bytes[0].peak;
      },
      int64_t{-1});
}

/// Begins to measure the peak anew.
bool pellucid_reset_peak_memory(int32_t card) {
  return guarded(
      [&] {
        at::accelerator::resetPeakStats(static_cast<c10::DeviceIndex>(card));
        return true;
      },
      false);
}

/// Gives memory that no tensor holds back to the card and to the system.
bool pellucid_release_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return guarded(
      [] {
        at::accelerator::emptyCache();
        return true;
      },
      false);
}

}
