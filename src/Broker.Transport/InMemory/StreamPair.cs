namespace Broker.Transport.InMemory;

/// <summary>A stream between two ends: both directions, and the slot that it takes from the acceptor's stream limit.</summary>
internal sealed class StreamPair
{
    private readonly InMemoryConnection _opener;
    private readonly InMemoryConnection _acceptor;
    private bool _announced;
    private bool _accepted;

    public StreamPair(InMemoryLink link, InMemoryConnection opener, InMemoryConnection acceptor, long id)
    {
        Id = id;
        _opener = opener;
        _acceptor = acceptor;
        Forward = new StreamDirection(link, this, opener, acceptor);
        Backward = new StreamDirection(link, this, acceptor, opener);
        OpenerSide = new InMemoryStream(link, id, opener, Backward, Forward);
    }

    public long Id { get; }

    /// <summary>From the opener to the acceptor.</summary>
    public StreamDirection Forward { get; }

    /// <summary>From the acceptor to the opener.</summary>
    public StreamDirection Backward { get; }

    public InMemoryStream OpenerSide { get; }

    public bool Closed { get; private set; }

    public bool OpenedBy(InMemoryConnection connection) => connection == _opener;

    /// <summary>Called with the first frame of the stream: now the peer knows of it.</summary>
    public void Announce()
    {
        if (!_announced && !_acceptor.HasEnded)
        {
            _announced = true;
            _acceptor.OfferStream(this);
        }
    }

    /// <summary>The accepting application takes the stream.</summary>
    public InMemoryStream Accept(InMemoryLink link)
    {
        _accepted = true;
        var stream = new InMemoryStream(link, Id, _acceptor, Forward, Backward);
        CloseIfDone();
        return stream;
    }

    /// <summary>
    /// Gives the slot back when both directions have ended and the acceptor has taken and read the stream. Counting unread streams keeps a
    /// peer from queueing any number of finished ones.
    /// </summary>
    public void CloseIfDone()
    {
        if (!Closed && _accepted && Forward.Drained && Backward.Ended)
        {
            Closed = true;
            _opener.RemoveStream(this);
            _acceptor.RemoveStream(this);
            _opener.ReturnSlot();
        }
    }
}
