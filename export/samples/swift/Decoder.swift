import Foundation
import LiteRT

/// The signature `decode` of a .tflite file: `z`, within [-3, 3], to `reconstruction`, in [0, 1].
///
/// Both are float32 and row by row; the metadata tell their shapes, (1, latent) and
/// (1, height, width, channels) for the default batch of 1. Needs the LiteRT Swift package.
///
///     let decoder = try Decoder(path: Bundle.main.path(forResource: "decoder", ofType: "tflite")!)
///     let pixels = try decoder.decode([Float](repeating: 0, count: 16))
public final class Decoder {
  public static let signature = "decode"
  /// The range of a slider, in standard deviations of the prior.
  public static let slider: ClosedRange<Float> = -3...3

  private let model: CompiledModel
  private let index: Int
  private let inputs: [TensorBuffer]
  private let outputs: [TensorBuffer]

  public init(path: String) throws {
    let options = try Options()
    try options.setHardwareAccelerators([.cpu])
    let environment = try Environment()
    let loaded = try CompiledModel(filePath: path, environment: environment, options: options)
    guard let found = try loaded.signatureKeys().firstIndex(of: Decoder.signature) else {
      throw DecoderError.noSuchSignature(Decoder.signature)
    }
    model = loaded
    index = found
    // One input, `z`, and one output, `reconstruction`.
    inputs = try loaded.createInputBuffers(signatureIndex: found)
    outputs = try loaded.createOutputBuffers(signatureIndex: found)
  }

  /// Pixels in [0, 1] of a code.
  public func decode(_ code: [Float]) throws -> [Float] {
    try inputs[0].write(code)
    try model.run(inputs: inputs, outputs: outputs, signatureIndex: index)
    return try outputs[0].read()
  }

  /// What the file says about itself: shapes, ranges, likelihood, statistics of the codes.
  public func metadata() throws -> [String: Any] {
    let json = try JSONSerialization.jsonObject(with: model.metadata(key: "keras_vae"))
    return json as? [String: Any] ?? [:]
  }
}

public enum DecoderError: Error {
  case noSuchSignature(String)
}
