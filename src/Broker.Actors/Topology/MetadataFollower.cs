using Broker.Actors.Runtime;
using Broker.Coordination;

namespace Broker.Actors.Topology;

/// <summary>
/// For an actor that keeps a copy of the keys with a prefix: watches them, and reads all of them again when changes may have been missed. Everything comes as a message to the actor, which
/// gives it to <see cref="TryHandle"/>; the next change is asked for when the one before was handled.
/// </summary>
/// <param name="context">Of the actor that it belongs to.</param>
/// <param name="metadata">The store.</param>
/// <param name="prefix">Of the keys.</param>
/// <param name="read">Hears what there is: first, and after each gap.</param>
/// <param name="changed">Hears of each change after that.</param>
internal sealed class MetadataFollower(IActorContext context, IMetadataStore metadata, string prefix, Action<MetadataSnapshot> read, Action<MetadataChange> changed) : IDisposable
{
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromSeconds(5);
    private readonly CancellationTokenSource _stopped = new();
    private IAsyncEnumerator<MetadataChange>? _watch;
    private TimeSpan _delay = s_firstDelay;

    /// <summary>News for one follower: one that belonged to the actor before a restart is not listened to.</summary>
    private abstract record News(MetadataFollower Owner);

    /// <summary>All that there is.</summary>
    private sealed record Read(MetadataFollower Owner, MetadataSnapshot Snapshot) : News(Owner);

    /// <summary>The watch has another change.</summary>
    private sealed record Watched(MetadataFollower Owner, MetadataChange Change) : News(Owner);

    /// <summary>Changes may be missed from now on.</summary>
    private sealed record Lost(MetadataFollower Owner) : News(Owner);

    /// <summary>It is time to read again.</summary>
    private sealed record Again(MetadataFollower Owner) : News(Owner);

    /// <summary>Begins to read and to watch.</summary>
    public void Begin() => context.PipeTo(ReadAsync(), snapshot => new Read(this, snapshot), _ => new Lost(this));

    /// <summary>Begins to watch, behind what the actor knows already.</summary>
    public void BeginAfter(long revision)
    {
        _watch = metadata.WatchAsync(prefix, revision, _stopped.Token).GetAsyncEnumerator(_stopped.Token);
        Next(_watch);
    }

    /// <summary>A store that refuses before it has begun is no worse than one that does so later.</summary>
    private async Task<MetadataSnapshot> ReadAsync() => await metadata.ReadAsync(prefix, _stopped.Token);

    /// <summary>Handles a message that is for it.</summary>
    /// <returns><c>false</c> if it is not.</returns>
    public bool TryHandle(object message)
    {
        if (message is not News news)
        {
            return false;
        }

        switch (news.Owner == this ? news : null)
        {
            case Read m:
                read(m.Snapshot);
                BeginAfter(m.Snapshot.Revision);
                break;
            case Watched m:
                _delay = s_firstDelay;
                changed(m.Change);
                Next(_watch!);
                break;
            case Lost:
                context.Timers.StartSingle(this, new Again(this), _delay);
                _delay = _delay * 2 < s_longestDelay ? _delay * 2 : s_longestDelay;
                break;
            case Again:
                Begin();
                break;
            default:
                break;
        }

        return true;
    }

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        _stopped.Cancel();
        _stopped.Dispose();
    }

    private void Next(IAsyncEnumerator<MetadataChange> watch) =>
        context.PipeTo(watch.MoveNextAsync(), more => more ? new Watched(this, watch.Current) : new Lost(this), _ => new Lost(this));
}
