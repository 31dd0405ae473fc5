package keras_vae.sliders

import android.app.Activity
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.ImageDecoder
import android.graphics.drawable.BitmapDrawable
import android.net.Uri
import android.os.Bundle
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.SeekBar
import android.widget.TextView
import java.io.IOException
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicReference

/** Decodes the code of the sliders, and scores a photo. */
class MainActivity : Activity() {
  // The model lives on this thread, so the screen never waits for it.
  private val worker = Executors.newSingleThreadExecutor()
  private lateinit var vae: Vae

  // The newest code that is not decoded yet: a fast finger skips those between.
  private val newest = AtomicReference<FloatArray?>()
  private val sliders = mutableListOf<SeekBar>()

  override fun onCreate(state: Bundle?) {
    super.onCreate(state)
    setContentView(R.layout.main)
    findViewById<Button>(R.id.photo).setOnClickListener { pickPhoto() }
    worker.execute {
      vae = Vae(assets)
      onScreen {
        repeat(vae.codeSize) { addSlider(it) }
        decodeSliders()
      }
    }
  }

  override fun onDestroy() {
    worker.execute { if (::vae.isInitialized) vae.close() }
    worker.shutdown()
    super.onDestroy()
  }

  // Sliders.

  private fun addSlider(unit: Int) {
    val label = TextView(this)
    val slider = SeekBar(this)
    slider.max = STEPS
    slider.progress = STEPS / 2
    label.text = getString(R.string.unit, unit, valueOf(slider))
    slider.setOnSeekBarChangeListener(
      object : SeekBar.OnSeekBarChangeListener {
        override fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean) {
          label.text = getString(R.string.unit, unit, valueOf(bar))
          if (fromUser) decodeSliders()
        }

        override fun onStartTrackingTouch(bar: SeekBar) = Unit

        override fun onStopTrackingTouch(bar: SeekBar) = Unit
      })
    findViewById<LinearLayout>(R.id.sliders).apply {
      addView(label)
      addView(slider)
    }
    sliders += slider
  }

  private fun valueOf(slider: SeekBar): Float = RANGE * (2f * slider.progress / STEPS - 1f)

  private fun positionOf(value: Float): Int =
    ((value.coerceIn(-RANGE, RANGE) / RANGE + 1f) / 2f * STEPS + 0.5f).toInt()

  private fun decodeSliders() {
    newest.set(FloatArray(sliders.size) { valueOf(sliders[it]) })
    worker.execute {
      newest.getAndSet(null)?.let { code -> show(vae.decode(code).toBitmap(vae.imageShape)) }
    }
  }

  // Photos.

  private fun pickPhoto() {
    val intent = Intent(Intent.ACTION_GET_CONTENT).setType("image/*")
    startActivityForResult(intent.addCategory(Intent.CATEGORY_OPENABLE), PHOTO)
  }

  override fun onActivityResult(request: Int, result: Int, data: Intent?) {
    val uri = data?.data
    if (request == PHOTO && result == RESULT_OK && uri != null) worker.execute { scorePhoto(uri) }
  }

  private fun scorePhoto(uri: Uri) {
    val pixels =
      try {
        read(uri).toPixels(vae.imageShape)
      } catch (error: IOException) {
        return say(getString(R.string.unreadable, error.message))
      }
    say(getString(R.string.score, vae.score(pixels)))
    val code = vae.encode(pixels)
    show(vae.decode(code).toBitmap(vae.imageShape))
    onScreen { sliders.forEachIndexed { unit, bar -> bar.progress = positionOf(code[unit]) } }
  }

  private fun read(uri: Uri): Bitmap =
    ImageDecoder.decodeBitmap(ImageDecoder.createSource(contentResolver, uri)) { decoder, info, _ ->
      // Pixels that can be read, of an image that is not much larger than needed.
      decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
      val side = minOf(info.size.width, info.size.height)
      decoder.setTargetSampleSize((side / LARGEST_SIDE).coerceAtLeast(1))
    }

  // The screen.

  private fun onScreen(action: () -> Unit) = runOnUiThread { if (!isDestroyed) action() }

  private fun say(text: String) = onScreen { findViewById<TextView>(R.id.score).text = text }

  private fun show(image: Bitmap) = onScreen {
    // Pixels stay squares.
    val drawable = BitmapDrawable(resources, image).apply { isFilterBitmap = false }
    findViewById<ImageView>(R.id.image).setImageDrawable(drawable)
  }

  private companion object {
    const val PHOTO = 1
    const val STEPS = 600
    const val LARGEST_SIDE = 1024

    /** The range of a slider, in standard deviations of the prior. */
    const val RANGE = 3f
  }
}
