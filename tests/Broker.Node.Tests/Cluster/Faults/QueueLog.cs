namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>What everybody has seen of one queue while nodes came and went, and what must never be seen. Thread-safe.</summary>
/// <param name="number">Number of the queue.</param>
/// <param name="name">Its name.</param>
/// <param name="violation">Hears of what must not be.</param>
internal sealed class QueueLog(int number, string name, Action<string> violation)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<FaultMessage, Fate> _fates = [];
    private readonly Dictionary<int, ulong> _drained = []; // by producer: the highest number that was drained
    private bool _draining;

    /// <summary>What is known of one message.</summary>
    private sealed class Fate
    {
        public bool Confirmed { get; set; }

        /// <summary>A consumer has sent an ack, and may not know what became of it.</summary>
        public bool Acked { get; set; }

        /// <summary>The delivery count of the delivery whose settlement was confirmed; -1: none.</summary>
        public long SettledCount { get; set; } = -1;

        /// <summary>The delivery counts with which it came. A message is handed out once under each.</summary>
        public List<long> Counts { get; } = [];

        public bool Drained { get; set; }
    }

    public string Name => name;

    public int Number => number;

    public int Shard => ClusterProcess.ShardOf(name);

    public long Settled { get; private set; }

    public long Redelivered { get; private set; }

    public long Drained { get; private set; }

    /// <summary>A consumer's view: the highest number of each producer that came as new.</summary>
    public sealed class Stream
    {
        public Dictionary<int, ulong> Highest { get; } = [];
    }

    /// <summary>From here on there is one consumer, which settles everything in the order in which it comes.</summary>
    public void BeginDrain() => _draining = true;

    public void Published(FaultMessage message)
    {
        lock (_lock)
        {
            _fates.Add(message, new Fate());
        }
    }

    public void Confirmed(FaultMessage message)
    {
        lock (_lock)
        {
            _fates[message].Confirmed = true;
        }
    }

    public FaultMessage Delivered(Stream stream, ReadOnlySpan<byte> body, bool redelivered, long deliveryCount)
    {
        var message = FaultMessage.Of(body) ?? default;
        lock (_lock)
        {
            if (message.Queue != number || !_fates.TryGetValue(message, out var fate))
            {
                violation($"{name}: a delivery of {body.Length} bytes is no message that was published to it: {Convert.ToHexString(body[..Math.Min(16, body.Length)])}");
                return message;
            }

            Redelivered += redelivered ? 1 : 0;
            Check(redelivered == deliveryCount > 0, message, $"has delivery count {deliveryCount} and redelivered {redelivered}");
            Check(!fate.Counts.Contains(deliveryCount), message, $"came twice with delivery count {deliveryCount}");
            fate.Counts.Add(deliveryCount);

            // What was on its way to another consumer may be read late, and was handed out before what was settled.
            Check(fate.SettledCount < 0 || (deliveryCount < fate.SettledCount && !_draining), message, $"came back with count {deliveryCount} after it was settled with {fate.SettledCount}");
            if (!redelivered)
            {
                var before = stream.Highest.GetValueOrDefault(message.Producer);
                Check(message.Number > before, message, $"came as new behind {before} to the same consumer");
                stream.Highest[message.Producer] = message.Number;
            }

            if (_draining)
            {
                CheckDrained(message, fate);
            }
        }

        return message;
    }

    /// <summary>An ack is about to be sent.</summary>
    public void Acking(FaultMessage message)
    {
        lock (_lock)
        {
            _fates[message].Acked = true;
        }
    }

    /// <summary>SETTLED has come.</summary>
    public void AckConfirmed(FaultMessage message, long deliveryCount)
    {
        lock (_lock)
        {
            var fate = _fates[message];
            Check(fate.SettledCount < 0, message, "was settled twice");
            fate.SettledCount = deliveryCount;
            Settled++;
        }
    }

    /// <summary>At the end: whatever was confirmed must have been acked by somebody or been there.</summary>
    /// <returns>How many messages were confirmed.</returns>
    public long CheckNothingLost()
    {
        lock (_lock)
        {
            foreach (var (message, fate) in _fates)
            {
                Check(!fate.Confirmed || fate.Acked || fate.Drained, message, $"was confirmed, never acked, and is not there; it came {fate.Counts.Count} times");
            }

            return _fates.Values.LongCount(fate => fate.Confirmed);
        }
    }

    private void CheckDrained(FaultMessage message, Fate fate)
    {
        Check(!fate.Drained, message, "is in the queue twice");
        var before = _drained.GetValueOrDefault(message.Producer);
        Check(message.Number > before, message, $"lies behind {before} in the queue");
        _drained[message.Producer] = message.Number;
        fate.Drained = true;
        Drained++;
    }

    private void Check(bool isRight, FaultMessage message, string what)
    {
        if (!isRight)
        {
            violation($"{name}: message {message.Number} of producer {message.Producer} {what}");
        }
    }
}
