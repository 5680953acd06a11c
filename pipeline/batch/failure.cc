#include "pipeline/batch/failure.h"

#include <string_view>

namespace avsr::pipeline {
namespace {

struct Kind {
  std::string_view sign;  // part of the error's text
  std::string_view expected, to_do;
};

constexpr std::string_view kMedia = "a media file with what the model reads: a face, its sound, or both";
constexpr std::string_view kWhole = "a file that is whole";
constexpr std::string_view kRepair =
    "copy or download it again; --allow-damaged transcribes what can be read of it as it is";

// The first that fits: the more special ones stand above.
constexpr Kind kKinds[] = {
    {"No space left", "room for the results", "make room in the output folder and run the same command again"},
    {"cannot write", "a folder that can be written into", "look at the output folder's permissions and free space"},
    {"Permission denied", "a file that may be read", "give yourself the right to read it (chmod, chown)"},
    {"No such file", "a file", "correct the name, or take it from the list"},
    {"no file matches", "a pattern that names files", "correct the pattern"},
    {"no media file is in", kMedia,
     "name another folder; files of other endings are read when they are named one by one"},
    {"cannot be listed", "a folder that may be listed", "give yourself the right to list it (chmod, chown)"},
    {"is a folder", kMedia, "take it from the list, or rename the folder if its name misled you"},
    {"not a regular file", kMedia, "copy what it gives into a file first"},
    {"is empty", kWhole, "copy or download it again"},
    {"not a media file", kMedia, "take it from the list; if it should be one, copy or download it again"},
    {"no video track", "a file with a picture", "add an audio model, or use one alone for such files"},
    {"no audio track", "a file with sound", "add a video model, or use one alone for such files"},
    {"holds no video", "a file with a picture", "add an audio model, or use one alone for such files"},
    {"holds no sound", "a file with sound", "add a video model, or use one alone for such files"},
    {"neither video nor sound", kMedia, "take it from the list"},
    {"no decoder for", "a codec that this FFmpeg decodes", "convert it where it can be played: ffmpeg -i FILE NEW.mp4"},
    {"no frame of its video", kWhole, "copy or download it again; an audio model reads its sound alone"},
    {"its sound track is empty", "a file with sound", "add a video model, or use one alone for such files"},
    {"damaged", kWhole, kRepair},
    {"cannot be decoded", kWhole, kRepair},
    {"can be decoded", kWhole, kRepair},
    {"out of memory", "enough memory", "use fewer --jobs, or --device cpu"},
    {"bad_alloc", "enough memory", "use fewer --jobs"},
    {"expected frames of", "frames of the size that the model was trained on",
     "use a model of tracked crops, or cut the face out as its corpus does"},
};

// Without "FILE: " before it.
std::string without_name(const std::string& error, const std::string& file) {
  const std::string name = file + ": ";
  return error.starts_with(name) ? error.substr(name.size()) : error;
}

}  // namespace

Failure failure_of(const std::string& file, const std::string& error) {
  Failure failure{file, without_name(error, file), std::string(kMedia), "look at it with: avsr inspect FILE"};
  for (const Kind& kind : kKinds) {
    if (failure.found.find(kind.sign) == std::string::npos) continue;
    failure.expected = kind.expected;
    failure.to_do = kind.to_do;
    break;
  }
  return failure;
}

nlohmann::json to_json(const Failure& failure) {
  return {{"file", failure.file}, {"found", failure.found}, {"expected", failure.expected}, {"do", failure.to_do}};
}

Failure failure_from_json(const nlohmann::json& json) {
  return {json.at("file"), json.at("found"), json.at("expected"), json.at("do")};
}

}  // namespace avsr::pipeline
