// What tch does not reach of libtorch, as C functions for shim.rs. No exception leaves them.

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/core/Tensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/hardtanh_backward.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/version.h>

#include <malloc.h>

#include <cmath>
#include <cstdint>
#include <exception>
#include <limits>
#include <string>
#include <vector>

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

/// What the last call on this thread that returned false threw.
thread_local std::string thrown;

/// Runs `body`; false where it throws, and `thrown` says what.
template <typename Body>
bool told(Body body) {
  try {
    body();
    return true;
  } catch (const std::exception& error) {
    thrown = error.what();
  } catch (...) {
    thrown = "an unknown exception";
  }
  return false;
}

/// Tensors of tch, which are pointers to libtorch's.
std::vector<at::Tensor> list(at::Tensor* const* tensors, int64_t count) {
  std::vector<at::Tensor> list;
  list.reserve(count);
  for (int64_t index = 0; index < count; ++index) list.push_back(*tensors[index]);
  return list;
}

/// `min(max(x, low), high)` of float32 numbers, whose gradient is one pass over the memory: libtorch's own takes two comparisons, a
/// conjunction and a choice. As there, it passes where x is a bound.
struct Clip : torch::autograd::Function<Clip> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, double low, double high) {
    context->save_for_backward({x});
    context->saved_data["low"] = low;
    context->saved_data["high"] = high;
    return at::clamp(x, low, high);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list cotangents) {
    // hardtanh's gradient does not pass at its bounds: they are the next numbers outside.
    constexpr float infinity = std::numeric_limits<float>::infinity();
    float below = std::nextafter(static_cast<float>(context->saved_data["low"].toDouble()), -infinity);
    float above = std::nextafter(static_cast<float>(context->saved_data["high"].toDouble()), infinity);
    auto x = context->get_saved_variables()[0];
    return {at::hardtanh_backward(cotangents[0], x, below, above), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

extern "C" {

/// A clipped tensor that the caller owns; null where it throws.
at::Tensor* pellucid_clip(const at::Tensor* x, double low, double high) {
  at::Tensor* clipped = nullptr;
  told([&] { clipped = new at::Tensor(Clip::apply(*x, low, high)); });
  return clipped;
}

/// What the last call on this thread that returned false threw; until the next of them.
const char* pellucid_thrown() { return thrown.c_str(); }

/// A step of Adam, or of AdamW where the decay is decoupled, for `count` parameters at once, in place.
bool pellucid_fused_adam(at::Tensor* const* parameters, at::Tensor* const* gradients, at::Tensor* const* means,
                         at::Tensor* const* squares, at::Tensor* const* steps, int64_t count, double rate, double beta1,
                         double beta2, double decay, double epsilon, bool decoupled) {
  return told([&] {
    auto step = decoupled ? static_cast<void (*)(at::TensorList, at::TensorList, at::TensorList, at::TensorList,
                                                 at::TensorList, at::TensorList, double, double, double, double, double,
                                                 bool, bool, const std::optional<at::Tensor>&,
                                                 const std::optional<at::Tensor>&)>(&at::_fused_adamw_)
                          : static_cast<void (*)(at::TensorList, at::TensorList, at::TensorList, at::TensorList,
                                                 at::TensorList, at::TensorList, double, double, double, double, double,
                                                 bool, bool, const std::optional<at::Tensor>&,
                                                 const std::optional<at::Tensor>&)>(&at::_fused_adam_);
    step(list(parameters, count), list(gradients, count), list(means, count), list(squares, count), {},
         list(steps, count), rate, beta1, beta2, decay, epsilon, false, false, {}, {});
  });
}

/// A step of stochastic gradient descent for `count` parameters at once, in place. `buffers` is null without momentum; at the
/// first step they become the gradients.
bool pellucid_fused_sgd(at::Tensor* const* parameters, at::Tensor* const* gradients, at::Tensor* const* buffers,
                        int64_t count, double rate, double momentum, double decay, bool nesterov, bool first) {
  return told([&] {
    auto momenta = buffers == nullptr ? std::vector<at::Tensor>{} : list(buffers, count);
    at::_fused_sgd_(list(parameters, count), list(gradients, count), momenta, decay, momentum, rate, 0.0, nesterov, false,
                    first, {}, {});
  });
}

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

/// Keeps memory that is freed for the next tensor of its size, instead of asking the system for fresh pages.
bool pellucid_keep_memory() {
#ifdef __GLIBC__
  // The largest tensors come out of one heap as well, which is not cut down until pellucid_release_memory.
  return mallopt(M_MMAP_MAX, 0) == 1 && mallopt(M_TRIM_THRESHOLD, 0x7fffffff) == 1;
#else
  return false;
#endif
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
