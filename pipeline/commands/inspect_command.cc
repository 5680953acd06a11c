// avsr inspect: what a model, a media file or a prepared folder is, with a picture of its mouth crops.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/program_options.hpp>
#include <filesystem>
#include <iostream>
#include <map>

#include "io/image_file.h"
#include "io/media_reader.h"
#include "io/shards.h"
#include "models/model_file.h"
#include "models/network.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"
#include "pipeline/data/dataset.h"
#include "pipeline/data/spread.h"
#include "preprocessing/contact_sheet.h"
#include "preprocessing/mouth_crop.h"

namespace avsr::pipeline {
namespace {

constexpr int kSheetColumns = 15, kSheetTiles = 150;
constexpr double kMostSeconds = 60;  // of a media file that are looked at

void write_sheet(const io::Frames& crops, const std::string& path) {
  const io::Frames sheet = preprocessing::contact_sheet(crops, kSheetColumns, kSheetTiles);
  io::write_image(path, io::Image{sheet.height, sheet.width, 1, sheet.pixels});
  std::cout << fmt::format("contact sheet      {}\n", path);
}

std::string averaging_text(models::Averaging averaging) {
  if (averaging.form == models::Loss::ctc) return "none: each step is a symbol of the sentence, or the blank";
  return fmt::format(
      "{} of {}", averaging.form == models::Loss::mean_logits ? "logits" : "probabilities",
      averaging.middle_steps == 0 ? "all steps" : fmt::format("the middle {} steps", averaging.middle_steps));
}

void inspect_model(const std::string& path) {
  const models::ModelFile file = models::read_model_header(path);
  constexpr size_t kShown = 12;
  const std::vector<std::string> some(file.labels.begin(), file.labels.begin() + std::min(file.labels.size(), kShown));
  std::cout << fmt::format("model              {}\n", path)
            << fmt::format("labels             {}: {}{}\n", file.labels.size(), fmt::join(some, ", "),
                           file.labels.size() > kShown ? ", …" : "")
            << fmt::format("size               {:.1f} MB\n",
                           static_cast<double>(std::filesystem::file_size(path)) / 1e6)
            << fmt::format("averaging          {}\n", averaging_text(file.averaging)) << "architecture\n"
            << nlohmann::json(file.config).dump(2) << "\npreprocessing\n";
  nlohmann::json preprocessing = file.preprocessing;
  if (preprocessing.contains("pixel_normalisation")) preprocessing["pixel_normalisation"].erase("mean_image");
  std::cout << preprocessing.dump(2) << "\ndecoding\n"
            << (file.decoding.is_null() ? "not chosen yet" : file.decoding.dump(2)) << "\nprovenance\n"
            << file.provenance.dump(2) << "\n";
}

void print_media(const io::MediaInfo& info, const io::Frames& frames, const io::Waveform& audio) {
  std::cout << fmt::format("media file         {} ({})\n", info.path, info.format);
  if (info.has_video)
    std::cout << fmt::format("video              {} {}x{}, {}, {:.3f} frames a second, turned by {} degrees\n",
                             info.video_codec, info.width, info.height, info.pixel_format, info.source_fps,
                             info.rotation_degrees);
  else
    std::cout << "video              none\n";
  if (info.has_audio)
    std::cout << fmt::format("audio              {} {} Hz, {} channels\n", info.audio_codec, info.audio_rate,
                             info.audio_channels);
  else
    std::cout << "audio              none\n";
  std::cout << fmt::format("as models see it   {} frames at {} a second, {} samples at {} Hz\n", frames.count,
                           io::kFramesPerSecond, audio.samples.size(), io::kSampleRate);
  for (const std::string& note : info.notes) std::cout << fmt::format("note               {}\n", note);
}

void inspect_media(const std::string& path, const std::string& crop, const std::string& face_model,
                   const std::string& sheet) {
  const io::Media media = io::read_media(path, {.end_seconds = kMostSeconds, .allow_damaged = true});
  print_media(media.info, media.frames, media.audio);
  if (media.frames.count == 0) return;
  const preprocessing::MouthClip clip =
      crop == "fixed" ? preprocessing::crop_fixed(media.frames)
                      : preprocessing::crop_tracked(media.frames, preprocessing::FaceModel::load(face_model));
  std::cout << fmt::format("mouth crops        {}, {}: of {} frames {} without a face, {} leaving the image\n",
                           clip.quality.method, clip.quality.reason, clip.quality.frames,
                           clip.quality.frames_without_face, clip.quality.frames_outside);
  if (clip.mouth.count > 0) write_sheet(clip.mouth, sheet);
}

// Counts by split, and the middle frame of clips evenly spread over the data.
void inspect_prepared(const std::string& folder, const std::string& sheet) {
  const DatasetInfo info = read_dataset_info(folder);
  const io::ShardDataset shards = open_prepared(folder);
  std::map<std::string, int> splits, reasons;
  int64_t frames = 0;
  for (int i = 0; i < shards.size(); ++i) {
    const io::Clip& clip = shards.record(i).clip;
    ++splits[clip.split];
    ++reasons[clip.quality.reason];
    frames += clip.mouth.count;
  }
  std::cout << fmt::format("prepared data      {} (hash {})\n", folder, info.hash)
            << fmt::format("clips              {}, {:.1f} hours of video\n", shards.size(),
                           static_cast<double>(frames) / io::kFramesPerSecond / 3600);
  for (const auto& [split, count] : splits) std::cout << fmt::format("  {:<16} {}\n", split, count);
  std::cout << "crop quality\n";
  for (const auto& [reason, count] : reasons) std::cout << fmt::format("  {:<16} {}\n", reason, count);
  std::cout << "dataset.json\n" << info.json.dump(2) << "\n";

  const io::Frames middles = sample_mouths(folder, kSheetTiles);
  if (middles.count > 0) write_sheet(middles, sheet);
}

}  // namespace

int run_inspect(const Arguments& arguments) {
  namespace po = boost::program_options;
  std::string file, sheet, crop, face_model;
  po::options_description options("Options");
  options.add_options()("sheet", po::value(&sheet), "where the contact sheet goes (default: NAME.mouth.png, here)")(
      "crop", po::value(&crop)->default_value("tracked"), "of a media file: tracked, or fixed (LRW's box)")(
      "face-model", po::value(&face_model)->default_value(preprocessing::kLandmarkModelPath), "dlib's 68 landmarks")(
      "help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("file", po::value(&file)->required(), "");
  po::positional_options_description positions;
  positions.add("file", 1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr inspect FILE\n\nSays what a model, a media file or a prepared folder is, and draws a contact sheet of its "
      "mouth crops\n(of a media file, its first minute).",
      "avsr inspect talk.mp4 --sheet talk.png");
  if (parsed.help) return 0;
  if (crop != "tracked" && crop != "fixed")
    throw std::invalid_argument(fmt::format("--crop is tracked or fixed, not '{}'", crop));

  const std::filesystem::path path(file);
  if (!std::filesystem::exists(path)) throw std::runtime_error(fmt::format("{} does not exist", file));
  std::filesystem::path name = path.lexically_normal();
  if (!name.has_filename()) name = name.parent_path();
  if (sheet.empty()) sheet = name.stem().string() + ".mouth.png";
  if (std::filesystem::is_directory(path))
    inspect_prepared(file, sheet);
  else if (path.extension() == ".safetensors")
    inspect_model(file);
  else
    inspect_media(file, crop, face_model, sheet);
  return 0;
}

}  // namespace avsr::pipeline
