#pragma once
#include "ShimLog.h"
