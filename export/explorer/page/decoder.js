// The decoder: a .tflite file run by LiteRT.js in WebAssembly, on this device.
import { loadAndCompile, loadLiteRt, Tensor } from "./vendor/litert.js";

export async function loadDecoder(about) {
  await loadLiteRt("./vendor/wasm/");
  const model = await loadAndCompile("./decoder.tflite", { accelerator: "wasm" });
  const size = about.image_shape.reduce((a, b) => a * b, 1);

  async function decode(z) {
    const input = new Tensor(Float32Array.from(z), [1, about.latent_dim]);
    const outputs = await model.run("decode", { z: input });
    const image = Float32Array.from(outputs.reconstruction.toTypedArray()).slice(0, size);
    input.delete();
    outputs.reconstruction.delete();
    return image;
  }

  // A new picture of the model's own prior, and its code if that is one of numbers for sliders.
  async function sample(seed, label) {
    const inputs = { seed: new Tensor(Int32Array.of(seed), [1]) };
    if (about.classes?.length) inputs.label = new Tensor(Int32Array.of(label), [1]);
    const outputs = await model.run("sample", inputs);
    const image = Float32Array.from(outputs.reconstruction.toTypedArray()).slice(0, size);
    const code = Float32Array.from(outputs.z.toTypedArray());
    for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
    return { image, code };
  }
  return { decode, sample };
}

// Pixels in [0, 1], grey or RGB, as a picture that a canvas takes.
export function toImageData(image, [height, width, channels]) {
  const picture = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      const value = image[pixel * channels + (channels >= 3 ? channel : 0)];
      picture.data[4 * pixel + channel] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
    picture.data[4 * pixel + 3] = 255;
  }
  return picture;
}
