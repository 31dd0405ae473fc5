package keras_vae

import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel

/**
 * The signature `decode` of a .tflite file: `z`, within [-3, 3], to `reconstruction`, in [0, 1].
 *
 * Both are float32 and row by row; `keras_vae.export.litert.writer.read_metadata` tells their shapes,
 * (1, latent) and (1, height, width, channels) for the default batch of 1. Needs
 * `com.google.ai.edge.litert:litert` 2.x.
 *
 * ```
 * Decoder(File(context.filesDir, "decoder.tflite").path).use { decoder ->
 *   val pixels = decoder.decode(FloatArray(16))
 * }
 * ```
 */
class Decoder(path: String) : AutoCloseable {
  private val model = CompiledModel.create(path, CompiledModel.Options(Accelerator.CPU))
  private val z = model.createInputBuffer(INPUT, SIGNATURE)
  private val reconstruction = model.createOutputBuffer(OUTPUT, SIGNATURE)

  /** The number of latent dimensions times the batch. */
  val codeSize: Int =
    model.getInputTensorType(INPUT, SIGNATURE).layout!!.dimensions.reduce(Int::times)

  /** Pixels in [0, 1] of a code; values outside of [-SLIDER, SLIDER] are rare under the prior. */
  fun decode(code: FloatArray): FloatArray {
    require(code.size == codeSize) { "Expected $codeSize numbers. Received: ${code.size}." }
    z.writeFloat(code)
    model.run(mapOf(INPUT to z), mapOf(OUTPUT to reconstruction), SIGNATURE)
    return reconstruction.readFloat()
  }

  /** One channel of pixels as ARGB, for `Bitmap.createBitmap(colors, width, height, ARGB_8888)`. */
  fun grayColors(pixels: FloatArray): IntArray =
    IntArray(pixels.size) { index ->
      val level = (pixels[index].coerceIn(0f, 1f) * 255f + 0.5f).toInt()
      (0xFF shl 24) or (level shl 16) or (level shl 8) or level
    }

  override fun close() {
    reconstruction.close()
    z.close()
    model.close()
  }

  companion object {
    const val SIGNATURE = "decode"
    const val INPUT = "z"
    const val OUTPUT = "reconstruction"

    /** The range of a slider, in standard deviations of the prior. */
    const val SLIDER = 3f
  }
}
