// Decodes with a .tflite file through LiteRT's C API.
//
//   decode decoder.tflite 0.5 -1.2 ... > picture.pgm
//   decode --metadata decoder.tflite
//
// The numbers are the code, one for each latent dimension; what is left out is 0, the mean of the
// prior. README.md says how to compile.

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

// The signature `decode` of a file: `z`, within [-3, 3], to `reconstruction`, in [0, 1].
class Decoder {
 public:
  explicit Decoder(const char* path) {
    Check(LiteRtCreateEnvironment(0, nullptr, environment_.address()), "environment");
    Check(LiteRtCreateModelFromFile(environment_.get(), path, model_.address()), path);
    const LiteRtSignature signature = FindSignature("decode");
    z_ = FloatTensor(signature, "z", LiteRtGetSignatureInputTensor);
    reconstruction_ =
        FloatTensor(signature, "reconstruction", LiteRtGetSignatureOutputTensor);
    Check(LiteRtCreateOptions(options_.address()), "options");
    Check(LiteRtSetOptionsHardwareAccelerators(options_.get(), kLiteRtHwAcceleratorCpu), "CPU");
    Check(LiteRtCreateCompiledModel(environment_.get(), model_.get(), options_.get(),
                                    compiled_.address()),
          "compile");
    LiteRtTensorBufferRequirements requirements;
    Check(LiteRtGetCompiledModelInputBufferRequirements(compiled_.get(), index_, 0, &requirements),
          "input");
    Check(LiteRtCreateManagedTensorBufferFromRequirements(environment_.get(), &z_, requirements,
                                                          input_.address()),
          "input");
    Check(LiteRtGetCompiledModelOutputBufferRequirements(compiled_.get(), index_, 0, &requirements),
          "output");
    Check(LiteRtCreateManagedTensorBufferFromRequirements(environment_.get(), &reconstruction_,
                                                          requirements, output_.address()),
          "output");
  }

  std::vector<float> Decode(std::vector<float> z) {
    z.resize(Count(z_), 0.0f);
    void* memory = nullptr;
    Check(LiteRtLockTensorBuffer(input_.get(), &memory, kLiteRtTensorBufferLockModeWrite), "lock");
    std::memcpy(memory, z.data(), z.size() * sizeof(float));
    Check(LiteRtUnlockTensorBuffer(input_.get()), "unlock");
    LiteRtTensorBuffer inputs[] = {input_.get()}, outputs[] = {output_.get()};
    Check(LiteRtRunCompiledModel(compiled_.get(), index_, 1, inputs, 1, outputs), "run");
    std::vector<float> picture(Count(reconstruction_));
    Check(LiteRtLockTensorBuffer(output_.get(), &memory, kLiteRtTensorBufferLockModeRead), "lock");
    std::memcpy(picture.data(), memory, picture.size() * sizeof(float));
    Check(LiteRtUnlockTensorBuffer(output_.get()), "unlock");
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
  const LiteRtLayout& layout() const { return reconstruction_.layout; }

 private:
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

  template <typename Find>
  static LiteRtRankedTensorType FloatTensor(LiteRtSignature signature, const char* name, Find find) {
    LiteRtTensor tensor = nullptr;
    LiteRtRankedTensorType type;
    Check(find(signature, name, &tensor), name);
    Check(LiteRtGetRankedTensorType(tensor, &type), name);
    if (type.element_type != kLiteRtElementTypeFloat32) {
      throw std::runtime_error(std::string(name) + " is not float32; export with io=\"float32\"");
    }
    return type;
  }

  static size_t Count(const LiteRtRankedTensorType& type) {
    size_t count = 1;
    for (unsigned int i = 0; i < type.layout.rank; ++i) count *= type.layout.dimensions[i];
    return count;
  }

  // Members are destroyed from the last to the first: buffers before what made them.
  size_t index_ = 0;
  LiteRtRankedTensorType z_, reconstruction_;
  Owned<LiteRtEnvironment, LiteRtDestroyEnvironment> environment_;
  Owned<LiteRtModel, LiteRtDestroyModel> model_;
  Owned<LiteRtOptions, LiteRtDestroyOptions> options_;
  Owned<LiteRtCompiledModel, LiteRtDestroyCompiledModel> compiled_;
  Owned<LiteRtTensorBuffer, LiteRtDestroyTensorBuffer> input_, output_;
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
  const bool metadata = argc == 3 && std::strcmp(argv[1], "--metadata") == 0;
  if (argc < 2) {
    std::fprintf(stderr, "Usage: decode [--metadata] FILE [NUMBER...]\n");
    return 2;
  }
  try {
    Decoder decoder(metadata ? argv[2] : argv[1]);
    if (metadata) {
      std::puts(decoder.Metadata().c_str());
      return 0;
    }
    std::vector<float> z;
    for (int i = 2; i < argc; ++i) z.push_back(std::strtof(argv[i], nullptr));
    WritePnm(decoder.layout(), decoder.Decode(z));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "Error: %s\n", error.what());
    return 2;
  }
  return 0;
}
