namespace Broker.Simulation.Tests.Checkers;

/// <summary>What a publisher was told and did not hear: only then may a queue take a message that it has refused for one that it has taken.</summary>
internal sealed class LostRefusals
{
    private readonly HashSet<(string Queue, MessageId Id)> _refused = [];
    private readonly Dictionary<string, ulong> _lastTaken = [];

    public void Add(string queue, MessageId id, bool isRefused)
    {
        if (isRefused)
        {
            _refused.Add((queue, id));
        }
        else
        {
            _lastTaken[queue] = Math.Max(id.Sequence, _lastTaken.GetValueOrDefault(queue));
        }
    }

    /// <summary>Whether a refusal that was heard is that of a message which was refused before, unheard, and a later one was taken since.</summary>
    public bool IsRepeated(string queue, MessageId id) => _refused.Contains((queue, id)) && _lastTaken.GetValueOrDefault(queue) > id.Sequence;
}
