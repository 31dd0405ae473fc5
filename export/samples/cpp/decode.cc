// Decodes and samples with a .tflite file through LiteRT's C API.
//
//   decode decoder.tflite 0.5 -1.2 ... > picture.pgm
//   decode --sample model.tflite SEED [LABEL] > picture.pgm
//   decode --metadata decoder.tflite
//
// The numbers are the code, one for each latent dimension; what is left out is 0, the mean of the
// prior. A seed gives the same picture as in Keras. README.md says how to compile.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "litert_api.h"

namespace {

void Check(LiteRtStatus status, const char* what) {
  if (status != kLiteRtStatusOk) {
    throw std::runtime_error(std::string(what) + ": status " + std::to_string(status));
  }
}

// A handle that is destroyed with its owner.
template <typename Handle, void (*Destroy)(Handle)>
class Owned {
 public:
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (handle_ != nullptr) Destroy(handle_);
  }
  Handle get() const { return handle_; }
  Handle* address() { return &handle_; }

 private:
  Handle handle_ = nullptr;
};

// One signature of a file: `decode`, from `z` to `reconstruction`, or `sample`, from `seed` and
// maybe `label` to `reconstruction` and `z`.
class Endpoint {
 public:
  Endpoint(const char* path, const char* name) {
    Check(LiteRtCreateEnvironment(0, nullptr, environment_.address()), "environment");
    Check(LiteRtCreateModelFromFile(environment_.get(), path, model_.address()), path);
    const LiteRtSignature signature = FindSignature(name);
    Check(LiteRtCreateOptions(options_.address()), "options");
    Check(LiteRtSetOptionsHardwareAccelerators(options_.get(), kLiteRtHwAcceleratorCpu), "CPU");
    Check(LiteRtCreateCompiledModel(environment_.get(), model_.get(), options_.get(),
                                    compiled_.address()),
          "compile");
    AddTensors(signature, LiteRtGetNumSignatureInputs, LiteRtGetSignatureInputName,
               LiteRtGetSignatureInputTensor, LiteRtGetCompiledModelInputBufferRequirements,
               &inputs_);
    AddTensors(signature, LiteRtGetNumSignatureOutputs, LiteRtGetSignatureOutputName,
               LiteRtGetSignatureOutputTensor, LiteRtGetCompiledModelOutputBufferRequirements,
               &outputs_);
  }

  bool Takes(const std::string& name) const { return Find(inputs_, name) != nullptr; }

  // Sets an input; numbers that are left out are 0.
  void Set(const std::string& name, const std::vector<double>& numbers) {
    const Tensor& tensor = Get(inputs_, name);
    void* memory = nullptr;
    Check(LiteRtLockTensorBuffer(tensor.buffer->get(), &memory, kLiteRtTensorBufferLockModeWrite),
          "lock");
    for (size_t i = 0; i < tensor.Count(); ++i) {
      const double number = i < numbers.size() ? numbers[i] : 0.0;
      if (tensor.type.element_type == kLiteRtElementTypeFloat32) {
        static_cast<float*>(memory)[i] = static_cast<float>(number);
      } else {
        static_cast<int32_t*>(memory)[i] = static_cast<int32_t>(number);
      }
    }
    Check(LiteRtUnlockTensorBuffer(tensor.buffer->get()), "unlock");
  }

  // Returns the output `reconstruction`.
  std::vector<float> Run() {
    std::vector<LiteRtTensorBuffer> in, out;
    for (const Tensor& tensor : inputs_) in.push_back(tensor.buffer->get());
    for (const Tensor& tensor : outputs_) out.push_back(tensor.buffer->get());
    Check(LiteRtRunCompiledModel(compiled_.get(), index_, in.size(), in.data(), out.size(),
                                 out.data()),
          "run");
    const Tensor& found = Get(outputs_, "reconstruction");
    std::vector<float> picture(found.Count());
    void* memory = nullptr;
    Check(LiteRtLockTensorBuffer(found.buffer->get(), &memory, kLiteRtTensorBufferLockModeRead),
          "lock");
    std::memcpy(picture.data(), memory, picture.size() * sizeof(float));
    Check(LiteRtUnlockTensorBuffer(found.buffer->get()), "unlock");
    return picture;
  }

  // What the file says about itself, JSON: shapes, ranges, likelihood, statistics of the codes.
  std::string Metadata() const {
    const void* text = nullptr;
    size_t size = 0;
    Check(LiteRtGetModelMetadata(model_.get(), "keras_vae", &text, &size), "metadata");
    return std::string(static_cast<const char*>(text), size);
  }

  // (batch, height, width, channels) for images.
  const LiteRtLayout& layout() const { return Get(outputs_, "reconstruction").type.layout; }

 private:
  struct Tensor {
    std::string name;
    LiteRtRankedTensorType type;
    std::unique_ptr<Owned<LiteRtTensorBuffer, LiteRtDestroyTensorBuffer>> buffer;

    size_t Count() const {
      size_t count = 1;
      for (unsigned int i = 0; i < type.layout.rank; ++i) count *= type.layout.dimensions[i];
      return count;
    }
  };

  LiteRtSignature FindSignature(const char* wanted) {
    size_t count = 0;
    Check(LiteRtGetNumModelSignatures(model_.get(), &count), "signatures");
    for (index_ = 0; index_ < count; ++index_) {
      LiteRtSignature signature = nullptr;
      const char* key = nullptr;
      Check(LiteRtGetModelSignature(model_.get(), index_, &signature), "signature");
      Check(LiteRtGetSignatureKey(signature, &key), "signature");
      if (std::strcmp(key, wanted) == 0) return signature;
    }
    throw std::runtime_error(std::string("the file has no signature ") + wanted);
  }

  // Makes a buffer for each tensor of one side of the signature, in the order of the signature.
  template <typename CountTensors, typename Name, typename FindTensor, typename Require>
  void AddTensors(LiteRtSignature signature, CountTensors count_tensors, Name name_of,
                  FindTensor find, Require require, std::vector<Tensor>* tensors) {
    size_t count = 0;
    Check(count_tensors(signature, &count), "tensors");
    for (size_t i = 0; i < count; ++i) {
      const char* name = nullptr;
      LiteRtTensor tensor = nullptr;
      Tensor made;
      Check(name_of(signature, i, &name), "tensor");
      made.name = name;
      Check(find(signature, name, &tensor), name);
      Check(LiteRtGetRankedTensorType(tensor, &made.type), name);
      if (made.type.element_type != kLiteRtElementTypeFloat32 &&
          made.type.element_type != kLiteRtElementTypeInt32) {
        throw std::runtime_error(made.name + " is not float32; export with io=\"float32\"");
      }
      LiteRtTensorBufferRequirements requirements;
      Check(require(compiled_.get(), index_, i, &requirements), name);
      made.buffer = std::make_unique<Owned<LiteRtTensorBuffer, LiteRtDestroyTensorBuffer>>();
      Check(LiteRtCreateManagedTensorBufferFromRequirements(environment_.get(), &made.type,
                                                            requirements, made.buffer->address()),
            name);
      tensors->push_back(std::move(made));
    }
  }

  static const Tensor* Find(const std::vector<Tensor>& tensors, const std::string& name) {
    for (const Tensor& tensor : tensors) {
      if (tensor.name == name) return &tensor;
    }
    return nullptr;
  }

  static const Tensor& Get(const std::vector<Tensor>& tensors, const std::string& name) {
    const Tensor* found = Find(tensors, name);
    if (found == nullptr) throw std::runtime_error("the file has no " + name);
    return *found;
  }

  // Members are destroyed from the last to the first: buffers before what made them.
  size_t index_ = 0;
  Owned<LiteRtEnvironment, LiteRtDestroyEnvironment> environment_;
  Owned<LiteRtModel, LiteRtDestroyModel> model_;
  Owned<LiteRtOptions, LiteRtDestroyOptions> options_;
  Owned<LiteRtCompiledModel, LiteRtDestroyCompiledModel> compiled_;
  std::vector<Tensor> inputs_, outputs_;
};

void WritePnm(const LiteRtLayout& layout, const std::vector<float>& picture) {
  const int height = layout.dimensions[1], width = layout.dimensions[2];
  const int channels = layout.dimensions[3];
  std::printf("P%d %d %d 255\n", channels == 1 ? 5 : 6, width, height);
  for (int i = 0; i < height * width * channels; ++i) {
    std::putchar(std::lrint(std::clamp(picture[i], 0.0f, 1.0f) * 255.0f));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string option = argc > 1 ? argv[1] : "";
  const bool sample = option == "--sample", metadata = option == "--metadata";
  const int first = sample || metadata ? 2 : 1;  // The place of the file.
  if (argc <= first || (sample && argc <= first + 1)) {
    std::fprintf(stderr,
                 "Usage: decode FILE [NUMBER...]\n"
                 "       decode --sample FILE SEED [LABEL]\n"
                 "       decode --metadata FILE\n");
    return 2;
  }
  try {
    Endpoint endpoint(argv[first], sample ? "sample" : "decode");
    if (metadata) {
      std::puts(endpoint.Metadata().c_str());
      return 0;
    }
    std::vector<double> numbers;
    for (int i = first + 1; i < argc; ++i) numbers.push_back(std::strtod(argv[i], nullptr));
    if (!sample) {
      endpoint.Set("z", numbers);
    } else {
      endpoint.Set("seed", {numbers[0]});
      if (endpoint.Takes("label") != (numbers.size() > 1)) {
        throw std::runtime_error(endpoint.Takes("label") ? "the file takes a label after the seed"
                                                         : "the file takes no label");
      }
      if (numbers.size() > 1) endpoint.Set("label", {numbers[1]});
    }
    WritePnm(endpoint.layout(), endpoint.Run());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "Error: %s\n", error.what());
    return 2;
  }
  return 0;
}
