#include "pipeline/recognition/answering.h"

namespace avsr::pipeline {

using models::Streams;

std::string missing_text(const Answer& answer) {
  std::string text = answer.no_face ? "no face" : "";
  const char* sound = answer.no_sound ? "no sound" : answer.in_silence ? "silence" : "";
  if (!text.empty() && *sound) text += ", ";
  return text += sound;
}

Wanted wanted_by(Streams streams) { return {streams != Streams::audio, streams != Streams::video}; }

void ModelKinds::add(Streams streams) {
  if (streams == Streams::audio) audio = true;
  if (streams == Streams::video) video = true;
  if (streams == Streams::audiovisual) audiovisual = true;
}

Answer ModelKinds::answer(const Evidence& evidence) const {
  Answer answer;
  answer.no_face = wanted().video && !evidence.face;
  answer.no_sound = wanted().audio && !evidence.sound;
  answer.in_silence = wanted().audio && evidence.sound && !evidence.voice;
  if (answer.in_silence) return answer;
  if (audiovisual && evidence.face && evidence.sound)
    answer.heard_by = Streams::audiovisual;
  else if (audio && evidence.sound)
    answer.heard_by = Streams::audio;
  else if (video && evidence.face)
    answer.heard_by = Streams::video;
  return answer;
}

}  // namespace avsr::pipeline
