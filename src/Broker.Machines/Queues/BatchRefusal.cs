using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>Messages of a batch, lying together, that a queue has not taken although it may have taken others.</summary>
/// <param name="First">Index of the first one, from 0.</param>
/// <param name="Count">How many.</param>
/// <param name="Fault">Why.</param>
public readonly record struct BatchRefusal(int First, int Count, FrameFault Fault);
