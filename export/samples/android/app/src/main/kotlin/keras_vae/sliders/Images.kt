package keras_vae.sliders

import android.graphics.Bitmap
import android.graphics.Color

/** The pixels of the middle of an image, scaled to `shape`, in [0, 1]. */
fun Bitmap.toPixels(shape: ImageShape): FloatArray {
  val small = Bitmap.createScaledBitmap(middle(shape), shape.width, shape.height, true)
  val colors = IntArray(shape.width * shape.height)
  small.getPixels(colors, 0, shape.width, 0, 0, shape.width, shape.height)
  return FloatArray(colors.size * shape.channels) { index ->
    level(colors[index / shape.channels], index % shape.channels, shape.channels)
  }
}

/** The image of pixels in [0, 1]: gray for one channel, otherwise red, green, and blue. */
fun FloatArray.toBitmap(shape: ImageShape): Bitmap {
  val colors =
    IntArray(shape.width * shape.height) { index ->
      val first = index * shape.channels
      val green = if (shape.channels == 1) first else first + 1
      val blue = if (shape.channels == 1) first else first + 2
      Color.rgb(byte(this[first]), byte(this[green]), byte(this[blue]))
    }
  return Bitmap.createBitmap(colors, shape.width, shape.height, Bitmap.Config.ARGB_8888)
}

/** The largest part in the middle that has the proportions of `shape`. */
private fun Bitmap.middle(shape: ImageShape): Bitmap {
  val scale = minOf(width.toFloat() / shape.width, height.toFloat() / shape.height)
  val partWidth = (shape.width * scale).toInt().coerceIn(1, width)
  val partHeight = (shape.height * scale).toInt().coerceIn(1, height)
  return Bitmap.createBitmap(
    this, (width - partWidth) / 2, (height - partHeight) / 2, partWidth, partHeight)
}

/** A channel of a color in [0, 1]. Gray weighs the channels as keras_vae does when it trains. */
private fun level(color: Int, channel: Int, channels: Int): Float {
  val red = Color.red(color)
  val green = Color.green(color)
  val blue = Color.blue(color)
  val level =
    if (channels == 1) RED_WEIGHT * red + GREEN_WEIGHT * green + BLUE_WEIGHT * blue
    else floatArrayOf(red.toFloat(), green.toFloat(), blue.toFloat())[channel]
  return level / 255f
}

private fun byte(level: Float): Int = (level.coerceIn(0f, 1f) * 255f + 0.5f).toInt()

private const val RED_WEIGHT = 0.299f
private const val GREEN_WEIGHT = 0.587f
private const val BLUE_WEIGHT = 0.114f
