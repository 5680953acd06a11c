// One transcript as a page: a player, the words to click on, the mouth as the model saw it.
#pragma once

#include <string>

#include "pipeline/batch/mouth_path.h"
#include "pipeline/recognition/transcript.h"

namespace avsr::pipeline {

// Whether today's browsers play the file as it is: container and codecs.
bool browsers_play(const io::MediaInfo& media);

// From the page to the file, as a browser wants it: "../talks/a%20b.mp4".
std::string relative_url(const std::string& file, const std::string& page);

// url: of the video (or sound) file, relative to the page. All else is inside the page.
std::string transcript_page(const Transcript& transcript, const MouthPath& mouth, const std::string& url);

}  // namespace avsr::pipeline
