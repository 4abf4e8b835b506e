using Broker.Protocol;

namespace Broker.Simulation.Tests.Checkers;

/// <summary>What clients were told about one message of one queue. Times are those of the simulated clock, in milliseconds.</summary>
internal sealed class MessageFate
{
    public MessageProperties? Properties { get; init; }

    /// <summary>When it was sent first; it was not taken before.</summary>
    public long SentAt { get; init; }

    /// <summary>When it was sent last before anybody could tell that it had been taken; what counts from its arrival may count from here.</summary>
    public long SentAgainAt { get; set; }

    public int Sends { get; set; } = 1;

    /// <summary>It came as a dead letter of this queue.</summary>
    public QueueHistory? Source { get; init; }

    public bool Confirmed { get; set; }

    public bool Refused { get; set; }

    /// <summary>By then it had been taken, if it was; <c>null</c>: nobody knows.</summary>
    public long? TakenBy { get; set; }

    public int Deliveries { get; set; }

    public ulong Position { get; set; }

    /// <summary>Somebody has tried to acknowledge it, or to purge the queue.</summary>
    public bool MaySettle { get; set; }

    /// <summary>Somebody has tried to reject it.</summary>
    public bool MayReject { get; set; }

    public bool Settled { get; set; }

    /// <summary>It was rejected for certain.</summary>
    public bool Rejected { get; set; }

    /// <summary>When it was sent back last, in which life of the node, after how many deliveries, and whether that is certain.</summary>
    public (long At, int Life, int Deliveries, bool IsCertain)? Returned { get; set; }

    public List<string> Story { get; } = [];
}
