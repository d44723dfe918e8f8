// A button that records from the microphone; the browser decodes to mono at 16 kHz.
async function record(model, button) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = async () => {
    stream.getTracks().forEach((track) => track.stop());
    button.textContent = "Record";
    const context = new AudioContext({ sampleRate: 16000 });
    const heard = await context.decodeAudioData(await new Blob(parts).arrayBuffer());
    model.set("samples", new DataView(heard.getChannelData(0).slice().buffer));
    model.save_changes();
  };
  recorder.start();
  button.textContent = "Stop";
  return recorder;
}

export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.className = "jupyter-button";
    button.textContent = "Record";
    let recorder = null;
    button.onclick = async () => {
      if (recorder) {
        recorder.stop();
        recorder = null;
        return;
      }
      try {
        recorder = await record(model, button);
      } catch (error) {
        button.textContent = `No microphone: ${error.message}`;
      }
    };
    el.appendChild(button);
  },
};
