#pragma once
#include "ShimSockets.h"
