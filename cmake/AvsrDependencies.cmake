# Every third-party library, found once. `./run setup` installs all of them from the distribution (docs/third-party.md).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)

pkg_check_modules(ffmpeg REQUIRED IMPORTED_TARGET libavformat libavcodec libavutil libswscale libswresample)
pkg_check_modules(sndfile REQUIRED IMPORTED_TARGET sndfile)
pkg_check_modules(libarchive REQUIRED IMPORTED_TARGET libarchive)

find_package(Boost CONFIG REQUIRED COMPONENTS program_options)
find_package(yaml-cpp REQUIRED)
if(NOT TARGET yaml-cpp::yaml-cpp) # 0.7 has only the old name
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_path(AVSR_INCLUDE_mustache kainjow/mustache.hpp REQUIRED) # a header in the system's own folder

# avsr_import(TARGET LIBRARY HEADER [SUFFIX]): a library without its own CMake package. Its headers count as system
# headers, because they are not clean under our warnings.
function(avsr_import target library header)
  find_library(AVSR_LIBRARY_${library} ${library} REQUIRED)
  find_path(AVSR_INCLUDE_${library} ${header} PATH_SUFFIXES ${ARGN} REQUIRED)
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${AVSR_LIBRARY_${library}}
                        INTERFACE_INCLUDE_DIRECTORIES ${AVSR_INCLUDE_${library}}
                        INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${AVSR_INCLUDE_${library}})
endfunction()

# oneDNN's CMake package also wants OpenCL's headers, which nothing here includes.
avsr_import(DNNL::dnnl dnnl dnnl.hpp)
# OpenCV's CMake package is in libopencv-dev, which also installs its GUI and video stack.
foreach(module core imgproc imgcodecs)
  avsr_import(opencv_${module} opencv_${module} opencv2/core.hpp opencv4)
endforeach()
# dlib's CMake package wants the development files of PNG, JPEG, BLAS, LAPACK and SQLite.
avsr_import(dlib::dlib dlib dlib/image_processing.h)
# dlib's matrix templates call BLAS and LAPACK from our own object files; Debian's libdlib brings their run-time libraries.
foreach(library blas lapack)
  find_library(AVSR_LIBRARY_${library} NAMES ${library} lib${library}.so.3 REQUIRED)
  set_property(TARGET dlib::dlib APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${AVSR_LIBRARY_${library}})
endforeach()

if(AVSR_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
