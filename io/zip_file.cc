#include "io/zip_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "io/atomic_file.h"

namespace avsr::io {

namespace {

struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
struct FreeWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

std::string complaint(archive* handle) {
  const char* text = archive_error_string(handle);
  return text ? text : "unknown error";
}

// At most `most` bytes: a member may be of any size whatever the archive says of it.
std::vector<uint8_t> read_member(archive* reader, const std::string& name, size_t most) {
  constexpr size_t kPiece = 1 << 20;
  std::vector<uint8_t> bytes;
  for (size_t done = 0;;) {
    bytes.resize(std::min(done + kPiece, most + 1));
    const la_ssize_t got = archive_read_data(reader, bytes.data() + done, bytes.size() - done);
    if (got < 0) throw std::runtime_error(fmt::format("the zip's member {} is damaged: {}", name, complaint(reader)));
    done += static_cast<size_t>(got);
    if (done > most)
      throw std::runtime_error(
          fmt::format("the zip's member {} is larger than the archive: expected members stored as they are", name));
    if (got == 0) {
      bytes.resize(done);
      return bytes;
    }
  }
}

}  // namespace

ZipMembers read_zip(std::span<const uint8_t> archive_bytes, const std::function<bool(const std::string&)>& wanted) {
  const std::unique_ptr<archive, FreeReader> reader(archive_read_new());
  if (!reader) throw std::bad_alloc();
  archive_read_support_format_zip_seekable(reader.get());
  if (archive_read_open_memory(reader.get(), archive_bytes.data(), archive_bytes.size()) != ARCHIVE_OK)
    throw std::runtime_error(fmt::format("not a usable zip: {}", complaint(reader.get())));
  ZipMembers members;
  size_t room = archive_bytes.size();
  archive_entry* entry = nullptr;
  for (;;) {
    const int code = archive_read_next_header(reader.get(), &entry);
    if (code == ARCHIVE_EOF) return members;
    if (code < ARCHIVE_WARN) throw std::runtime_error(fmt::format("not a usable zip: {}", complaint(reader.get())));
    const char* found = archive_entry_pathname(entry);
    const std::string name = found ? found : "";
    if (!wanted(name)) continue;
    std::vector<uint8_t> bytes = read_member(reader.get(), name, room);
    room -= bytes.size();
    if (!members.emplace(name, std::move(bytes)).second)
      throw std::runtime_error(fmt::format("the zip holds {} twice", name));
  }
}

struct ZipWriter::Impl {
  explicit Impl(const std::string& name) : path(name), file(name), writer(archive_write_new()) {
    if (!writer) throw std::bad_alloc();
    check(archive_write_set_format_zip(writer.get()));
    check(archive_write_zip_set_compression_store(writer.get()));
    check(archive_write_open_filename(writer.get(), file.temporary_path().c_str()));
  }
  void check(int code) const {
    if (code < ARCHIVE_OK)
      throw std::runtime_error(fmt::format("{}: cannot be written: {}", path, complaint(writer.get())));
  }

  std::string path;
  AtomicFile file;
  std::unique_ptr<archive, FreeWriter> writer;
};

ZipWriter::ZipWriter(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
ZipWriter::~ZipWriter() = default;

void ZipWriter::add(const std::string& name, std::span<const std::span<const std::byte>> pieces) {
  size_t bytes = 0;
  for (const auto& piece : pieces) bytes += piece.size();
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_mtime(entry.get(), 0, 0);
  impl_->check(archive_write_header(impl_->writer.get(), entry.get()));
  for (const auto& piece : pieces)
    if (!piece.empty() &&
        archive_write_data(impl_->writer.get(), piece.data(), piece.size()) != static_cast<la_ssize_t>(piece.size()))
      impl_->check(ARCHIVE_FATAL);
}

void ZipWriter::finish() {
  impl_->check(archive_write_close(impl_->writer.get()));
  impl_->file.commit();
}

}  // namespace avsr::io
