package keras_vae.sliders

import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.TensorBuffer

/** A signature of the file: its name, its input, and all of its outputs. */
data class Signature(val name: String, val input: String, val outputs: List<String>)

/** Height, width, and channels of the images of a model. */
data class ImageShape(val height: Int, val width: Int, val channels: Int)

/**
 * A VAE of images in a .tflite file with the endpoints `decode`, `encode`, and `score`.
 *
 * All tensors are float32. Pixels are in [0, 1], row by row, with the channels of a pixel next to
 * each other. Use it from one thread at a time.
 */
class Vae(assets: AssetManager, file: String = FILE, threads: Int = 2) : AutoCloseable {
  private val model =
    CompiledModel.create(
      assets,
      file,
      CompiledModel.Options(Accelerator.CPU).apply {
        cpuOptions = CompiledModel.CpuOptions(numThreads = threads)
      },
    )
  private val decode = Endpoint(DECODE)
  private val encode = Endpoint(ENCODE)
  private val score = Endpoint(SCORE)

  /** The number of latent units. */
  val codeSize: Int = dimensions(DECODE)[CODE_AXIS]

  val imageShape: ImageShape =
    dimensions(SCORE).let { ImageShape(it[HEIGHT_AXIS], it[WIDTH_AXIS], it[CHANNEL_AXIS]) }

  /** Pixels of a code. */
  fun decode(code: FloatArray): FloatArray = decode.run(code).getValue("reconstruction")

  /** The code of an image: the mean of q(z given x). */
  fun encode(pixels: FloatArray): FloatArray = encode.run(pixels).getValue("z_mean")

  /** How unusual an image is, in nats; higher is more unusual. */
  fun score(pixels: FloatArray): Float = score.run(pixels).getValue("score")[0]

  override fun close() {
    listOf(decode, encode, score).forEach { it.close() }
    model.close()
  }

  private fun dimensions(signature: Signature): List<Int> =
    checkNotNull(model.getInputTensorType(signature.input, signature.name).layout).dimensions

  /** A signature with buffers of its own, which every call uses again. */
  private inner class Endpoint(private val signature: Signature) : AutoCloseable {
    private val input: TensorBuffer = model.createInputBuffer(signature.input, signature.name)
    private val outputs: Map<String, TensorBuffer> =
      signature.outputs.associateWith { model.createOutputBuffer(it, signature.name) }

    fun run(values: FloatArray): Map<String, FloatArray> {
      input.writeFloat(values)
      model.run(mapOf(signature.input to input), outputs, signature.name)
      return outputs.mapValues { it.value.readFloat() }
    }

    override fun close() {
      outputs.values.forEach { it.close() }
      input.close()
    }
  }

  companion object {
    /** Put the file here: app/src/main/assets. */
    const val FILE = "vae.tflite"

    val DECODE = Signature("decode", "z", listOf("reconstruction"))
    val ENCODE = Signature("encode", "x", listOf("z_mean", "z_log_var"))
    val SCORE = Signature("score", "x", listOf("score", "reconstruction_error", "kl"))

    // z is (batch, code) and x is (batch, height, width, channels), with a batch of 1.
    const val CODE_AXIS = 1
    const val HEIGHT_AXIS = 1
    const val WIDTH_AXIS = 2
    const val CHANNEL_AXIS = 3
  }
}
