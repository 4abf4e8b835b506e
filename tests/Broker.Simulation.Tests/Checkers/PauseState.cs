namespace Broker.Simulation.Tests.Checkers;

/// <summary>Whether a queue is paused for certain: then a node that starts hands out nothing of it.</summary>
internal sealed class PauseState(string queue)
{
    private int _asked; // number of the last wish
    private bool _isPaused;
    private bool _isSilent;

    /// <summary>Somebody wants it to pause, or to go on.</summary>
    /// <returns>The number of the wish.</returns>
    public int OnAsking(bool pause)
    {
        _isPaused = false;
        _isSilent &= pause;
        return ++_asked;
    }

    /// <summary>The answer to a wish; an answer to an earlier one says nothing.</summary>
    public void OnAnswered(int wish, bool isPaused) => _isPaused = wish == _asked ? isPaused : _isPaused;

    /// <summary>The node starts anew.</summary>
    public void OnStart() => _isSilent = _isPaused;

    public void OnDelivered(MessageId id) => Assert.False(_isSilent, $"'{queue}' is paused since before the node has started, and hands out {id}");
}
