// Which of several models answers for a stretch of a recording, and what was missing there.
#pragma once

#include <optional>
#include <string>

#include "models/network_config.h"

namespace avsr::pipeline {

// What there is to recognise from.
struct Evidence {
  bool face = false;   // a mouth is seen
  bool sound = false;  // there is sound, for some seconds around
  bool voice = false;  // somebody may be speaking in it
};

struct Answer {
  std::optional<models::Streams> heard_by;                     // none: nobody can answer
  bool no_face = false, no_sound = false, in_silence = false;  // as far as the models ask for it
  bool operator==(const Answer&) const = default;
};
std::string missing_text(const Answer& answer);  // "no face, silence"; empty: nothing is missing

// What of a recording models look at and listen to.
struct Wanted {
  bool video = true, audio = true;
};
Wanted wanted_by(models::Streams streams);

// Models that are at hand, at most one for each kind of streams.
struct ModelKinds {
  bool audio = false, video = false, audiovisual = false;

  void add(models::Streams streams);
  Wanted wanted() const { return {video || audiovisual, audio || audiovisual}; }
  // Face and sound: the audiovisual model, or else the audio model, or else the video model. A face alone: the video
  // model; sound alone: the audio model. Where there is sound but nobody speaks, and the models listen, nobody answers.
  Answer answer(const Evidence& evidence) const;
};

}  // namespace avsr::pipeline
