namespace Broker.Machines.Queues;

/// <summary>What became of asking for one message.</summary>
public enum GetResult
{
    /// <summary>Here it is.</summary>
    Message,

    /// <summary>None is ready.</summary>
    Empty,

    /// <summary>It must be read from disk first: ask again after the next <see cref="QueueMachine.HandleLoaded"/>.</summary>
    Later,
}
