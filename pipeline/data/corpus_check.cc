#include "pipeline/data/corpus_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "io/media_reader.h"
#include "io/parallel.h"
#include "pipeline/data/prepare_clip.h"
#include "pipeline/data/prepare_parts.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

using data_scripts::Source;

struct Kind {
  const char* name;
  bool error;
  const char* what;
};

// In the order in which they are worth reading.
constexpr Kind kKinds[] = {
    {"bad_entry", true, "entries that cannot be read: mend the file that the line names"},
    {"unreadable", true, "media files that cannot be decoded: copy them again, or remove them"},
    {"missing_split", true, "splits without a clip: training wants train and val, evaluation test"},
    {"shared_clip", true, "the same recording in two splits: what is tested has been trained on"},
    {"unknown_word", true, "words of val or test that train never shows: no model can know them"},
    {"shared_speaker", false, "speakers in more than one split: results then say nothing about new speakers"},
    {"repeated_clip", false, "the same recording twice in one split"},
    {"no_sound", false, "clips without sound: audio models leave them out"},
    {"silent", false, "clips whose sound is nothing but zeros"},
    {"no_video", false, "clips without video: video models leave them out"},
    {"other_length", false, "clips of another length than most (in frames at 25 a second)"},
    {"words_outside", false, "words whose times lie outside their clip"},
    {"ends_early", false, "clips whose file ends before the end that the manifest gives"},
    {"other_size", false, "clips of another frame size than most: a fixed crop box does not fit them"},
    {"no_boundaries", false, "word clips whose word has no times (LRW: the Duration line of the .txt beside it)"},
    {"few_clips", false, "words with fewer than 10 training clips"},
};

// What decoding has shown of one clip.
struct Decoded {
  std::string error;
  int frames = 0, height = 0, width = 0;
  bool sound = false, silent = false;
  double seconds = 0;
  double missing = 0;    // seconds: see missing_seconds()
  uint64_t content = 0;  // equal for equal pictures and sound
};

uint64_t content_of(const io::Media& media) {
  const auto bytes = [](const void* data, size_t size) {
    return preprocessing::hash_text({static_cast<const char*>(data), size});
  };
  const io::Frames& frames = media.frames;
  const uint64_t pictures = frames.count > 0 ? bytes(frames.frame(frames.count / 2), frames.frame_size()) : 0;
  const std::vector<float>& samples = media.audio.samples;
  return preprocessing::derive_key(static_cast<uint64_t>(frames.count), pictures,
                                   bytes(samples.data(), samples.size() * sizeof(float)));
}

Decoded decode(const Source& source) {
  Decoded decoded;
  try {
    io::MediaOptions reading;
    reading.start_seconds = source.start_seconds.value_or(0);
    reading.end_seconds = source.end_seconds;
    const io::Media media = io::read_media(source.media_path.string(), reading);
    decoded.frames = media.frames.count;
    decoded.height = media.frames.height;
    decoded.width = media.frames.width;
    const std::vector<float>& samples = media.audio.samples;
    decoded.sound = !samples.empty();
    decoded.silent = std::all_of(samples.begin(), samples.end(), [](float v) { return v == 0; });
    decoded.seconds = media.frames.count > 0 ? media.frames.count / io::kFramesPerSecond : media.audio.seconds();
    decoded.missing = missing_seconds(source, media);
    decoded.content = content_of(media);
  } catch (const std::bad_alloc&) {
    throw;  // says nothing about the clip
  } catch (const std::exception& error) {
    decoded.error = error.what();
  }
  return decoded;
}

class Check {
 public:
  Check(const CheckOptions& options, const std::function<void(int64_t, int64_t)>& step)
      : options_(options), step_(step) {}

  CorpusReport run() {
    data_scripts::Problems problems;
    data_scripts::SourceList list = data_scripts::list_sources(options_.corpus, options_.layout, &problems);
    for (const std::string& problem : problems) add("bad_entry", problem);
    listed_ = std::move(list.sources);
    sources_ = limited(listed_, options_.limit);
    report_.notes = std::move(list.notes);
    if (sources_.size() < listed_.size())
      report_.notes.push_back(fmt::format("{} of {} clips are decoded, at most {} of a split", sources_.size(),
                                          listed_.size(), options_.limit));
    report_.clips = static_cast<int64_t>(sources_.size());
    decode_all();
    check_splits();
    check_clips();
    check_contents();
    check_words();
    return finished();
  }

 private:
  void add(const char* kind, const std::string& where) { found_[kind].push_back(where); }

  void decode_all() {
    decoded_.resize(sources_.size());
    const int workers = io::worker_count(options_.workers);
    int64_t done = 0;
    io::parallel_ordered(
        sources_.size(), workers, static_cast<size_t>(4 * workers),
        [&](size_t i) { decoded_[i] = decode(sources_[i]); },
        [&](size_t) {
          if (step_) step_(++done, report_.clips);
        });
  }

  void check_splits() {
    std::set<std::string> splits;
    std::map<std::string, std::set<std::string>> of_speaker;
    for (const Source& source : listed_) {
      splits.insert(source.split);
      if (!source.speaker.empty()) of_speaker[source.speaker].insert(source.split);
    }
    for (const char* split : {"train", "val", "test"})
      if (!splits.count(split)) add("missing_split", split);
    for (const auto& [speaker, where] : of_speaker)
      if (where.size() > 1) add("shared_speaker", fmt::format("{}: {}", speaker, fmt::join(where, ", ")));
  }

  template <typename Value>
  static Value usual(const std::map<Value, int>& counts) {
    return std::max_element(counts.begin(), counts.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
  }

  void check_clips() {
    std::map<int, int> lengths;
    std::map<std::pair<int, int>, int> sizes;
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (!decoded_[i].error.empty()) continue;
      // Sentences have any length.
      if (!sources_[i].label.empty()) ++lengths[frames_of(decoded_[i])];
      if (decoded_[i].frames > 0) ++sizes[{decoded_[i].height, decoded_[i].width}];
    }
    for (size_t i = 0; i < sources_.size(); ++i) {
      const Source& source = sources_[i];
      const Decoded& clip = decoded_[i];
      const std::string path = source.media_path.string();
      if (!clip.error.empty()) {
        add("unreadable", clip.error);
        continue;
      }
      if (!clip.sound) add("no_sound", path);
      if (clip.sound && clip.silent) add("silent", path);
      if (clip.frames == 0) add("no_video", path);
      if (!source.label.empty() && frames_of(clip) != usual(lengths))
        add("other_length", fmt::format("{}: {} frames, most have {}", path, frames_of(clip), usual(lengths)));
      if (const std::pair size(clip.height, clip.width); clip.frames > 0 && size != usual(sizes))
        add("other_size", fmt::format("{}: {} x {}, most are {} x {} (W x H)", path, size.second, size.first,
                                      usual(sizes).second, usual(sizes).first));
      check_times(source, clip);
    }
  }

  static int frames_of(const Decoded& clip) {
    return clip.frames > 0 ? clip.frames : static_cast<int>(std::lround(clip.seconds * io::kFramesPerSecond));
  }

  void check_times(const Source& source, const Decoded& clip) {
    constexpr double kSlack = 0.1;  // seconds: alignments are that rough
    const std::string path = source.media_path.string();
    if (clip.missing > 0)
      add("ends_early", fmt::format("{}: its video or sound ends {:.2f} s before the clip's end at {:g} s", path,
                                    clip.missing, *source.end_seconds));
    for (const io::Word& word : source.words)
      if (word.start_seconds < 0 || word.end_seconds > clip.seconds + kSlack)
        add("words_outside", fmt::format("{}: '{}' from {:.2f} to {:.2f} s of {:.2f} s", path, word.text,
                                         word.start_seconds, word.end_seconds, clip.seconds));
    const bool timed = std::any_of(source.words.begin(), source.words.end(),
                                   [](const io::Word& word) { return word.end_seconds > word.start_seconds; });
    if (!source.label.empty() && !timed && !source.end_seconds) add("no_boundaries", path);
  }

  void check_contents() {
    std::map<uint64_t, std::vector<const Source*>> by_content;
    for (size_t i = 0; i < sources_.size(); ++i)
      if (decoded_[i].error.empty()) by_content[decoded_[i].content].push_back(&sources_[i]);
    for (const auto& [content, clips] : by_content) {
      if (clips.size() < 2) continue;
      std::set<std::string> splits;
      std::vector<std::string> paths;
      for (const Source* clip : clips) {
        splits.insert(clip->split);
        paths.push_back(clip->media_path.string());
      }
      add(splits.size() > 1 ? "shared_clip" : "repeated_clip",
          fmt::format("{} ({})", fmt::join(paths, " = "), fmt::join(splits, ", ")));
    }
  }

  void check_words() {
    constexpr int kFew = 10;
    std::map<std::string, int> trained;
    std::set<std::string> asked;
    for (const Source& source : listed_) {
      std::vector<std::string> words;
      if (!source.label.empty()) words.push_back(source.label);
      if (source.label.empty())
        for (const io::Word& word : source.words) words.push_back(word.text);
      for (const std::string& word : words) {
        if (source.split == "train") ++trained[word];
        if (source.split == "val" || source.split == "test") asked.insert(word);
      }
    }
    if (trained.empty()) return;  // said already: the split is missing
    for (const std::string& word : asked)
      if (!trained.count(word)) add("unknown_word", word);
    for (const auto& [word, count] : trained)
      if (count < kFew) add("few_clips", fmt::format("{}: {}", word, count));
  }

  CorpusReport finished() {
    for (const Kind& kind : kKinds)
      if (const auto found = found_.find(kind.name); found != found_.end())
        report_.findings.push_back({kind.name, kind.error, kind.what, found->second});
    return std::move(report_);
  }

  const CheckOptions& options_;
  const std::function<void(int64_t, int64_t)>& step_;
  std::vector<Source> listed_, sources_;  // all, and those to be decoded
  std::vector<Decoded> decoded_;
  std::map<std::string, std::vector<std::string>> found_;
  CorpusReport report_;
};

}  // namespace

std::vector<std::string> finding_kinds() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

int64_t CorpusReport::errors() const {
  int64_t count = 0;
  for (const CorpusFinding& finding : findings) count += finding.error ? static_cast<int64_t>(finding.where.size()) : 0;
  return count;
}

nlohmann::json to_json(const CorpusReport& report) {
  nlohmann::json findings = nlohmann::json::array();
  for (const CorpusFinding& finding : report.findings)
    findings.push_back({{"kind", finding.kind},
                        {"error", finding.error},
                        {"what", finding.what},
                        {"count", finding.where.size()},
                        {"where", finding.where}});
  return {{"clips", report.clips}, {"notes", report.notes}, {"findings", findings}};
}

std::string text_of(const CorpusReport& report, int most) {
  std::string text;
  for (const std::string& note : report.notes) text += fmt::format("note: {}\n", note);
  for (const CorpusFinding& finding : report.findings) {
    text += fmt::format("{}: {} {}\n", finding.error ? "error" : "warning", finding.where.size(), finding.what);
    const size_t shown = std::min(finding.where.size(), static_cast<size_t>(most));
    for (size_t i = 0; i < shown; ++i) text += fmt::format("    {}\n", finding.where[i]);
    if (shown < finding.where.size()) text += fmt::format("    … and {} more\n", finding.where.size() - shown);
  }
  return text + fmt::format("{} clips checked: {}\n", report.clips,
                            report.errors() > 0       ? fmt::format("{} errors", report.errors())
                            : report.findings.empty() ? "nothing is wrong with them"
                                                      : "no errors");
}

CorpusReport check_corpus(const CheckOptions& options, const std::function<void(int64_t, int64_t)>& step) {
  return Check(options, step).run();
}

}  // namespace avsr::pipeline
