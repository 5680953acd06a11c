// Scalars over steps in TensorBoard's event files: what `tensorboard --logdir FOLDER` draws.
//
// A file is a row of TFRecords: length (8 bytes, little-endian), masked CRC-32C of these 8 bytes, data, masked CRC-32C
// of the data. Data is the protobuf message tensorflow.Event, of which four fields are written here: too few to be
// worth the protobuf compiler and library.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace avsr::io {

class EventFile {
 public:
  // A new file in the folder (made where needed), after those that former runs left there. Points of theirs at
  // first_step or later count no more: TensorBoard drops them when it meets this file's start. Throws
  // std::runtime_error naming the file where it cannot be written, as add() does.
  EventFile(const std::string& folder, int64_t first_step);

  // tag: groups by what stands before its first '/'. Values that are not finite are kept: TensorBoard marks them. On
  // disk when the call returns, as far as a kill is concerned.
  void add(int64_t step, const std::vector<std::pair<std::string, double>>& scalars);

  const std::string& path() const { return path_; }

 private:
  void write(const std::string& event);

  std::string path_;
  std::ofstream file_;
};

}  // namespace avsr::io
