namespace Broker.Machines.Queues;

/// <summary>A consumer of a queue, as that queue's owner numbers them.</summary>
public readonly record struct ConsumerId(long Value);

/// <summary>A publisher stream that feeds a queue, as that queue's owner numbers them.</summary>
public readonly record struct PublisherId(long Value);
