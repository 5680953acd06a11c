// Whose words they are, where faces are told apart.
#pragma once

#include <span>

#include "pipeline/recognition/listener.h"
#include "pipeline/recognition/recording.h"

namespace avsr::pipeline {

// Gives words and segments the face that was read in their middle. seen: in order of time.
void name_faces(std::span<const SeenFace> seen, Heard& heard);

// Adds what one face said, whose times count from its first frame. A face that was seen for less than
// kFewestFaceFrames is too short to be read: its words are left out, and a segment says so.
constexpr int kFewestFaceFrames = 25;
void add_face(const preprocessing::FaceTrack& track, Heard&& said, Heard& heard);

void sort_by_time(Heard& heard);

}  // namespace avsr::pipeline
