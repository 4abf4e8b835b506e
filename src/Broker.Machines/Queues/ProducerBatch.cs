namespace Broker.Machines.Queues;

/// <summary>Who a batch comes from, if the publisher has a lasting name.</summary>
/// <param name="Name">The producer's name with its user; <c>null</c> if it has none.</param>
/// <param name="Sequences">The sequence of each message of the batch; ascending.</param>
public readonly record struct ProducerBatch(string? Name, ReadOnlyMemory<ulong> Sequences);
