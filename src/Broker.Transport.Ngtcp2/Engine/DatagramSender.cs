using System.Runtime.InteropServices;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>
/// Collects packets of all connections in one buffer and gives them to the kernel with as few calls as it allows. When the socket is full the
/// packets wait here and the loop goes on without sending; it never blocks.
/// </summary>
internal sealed unsafe class DatagramSender : IDisposable
{
    /// <summary>How much one connection may add before it is another's turn.</summary>
    public const int MaxBurst = 64 * 1024;

    private const int Capacity = 256 * 1024;
    private const int FlushAt = 64 * 1024;
    private const int MaxMessages = 256;
    private const int MaxMessageBytes = 65_000;
    private const int MaxSegments = 64;
    private const int BatchSize = 64;
    private const int MaxRefusals = 16;

    private readonly UdpSocket _socket;
    // Pinned: the kernel reads the addresses where they are.
    private readonly Message[] _messages = GC.AllocateArray<Message>(MaxMessages, pinned: true);
    private byte* _buffer;
    private BatchedMessageHeader* _headers;
    private Vec* _vectors;
    private byte* _controls;
    private IoMode _mode;
    private int _injectedError;
    private int _count;
    private int _end;

    public DatagramSender(UdpSocket socket, EngineOptions options)
    {
        _socket = socket;
        _mode = options.Io == IoMode.Segmented && !socket.CanSegment ? IoMode.Batched : options.Io;
        _injectedError = options.FirstSegmentedSendError;
        _buffer = (byte*)NativeMemory.Alloc(Capacity);
        _headers = (BatchedMessageHeader*)NativeMemory.AllocZeroed((nuint)(BatchSize * sizeof(BatchedMessageHeader)));
        _vectors = (Vec*)NativeMemory.AllocZeroed((nuint)(BatchSize * sizeof(Vec)));
        _controls = (byte*)NativeMemory.AllocZeroed(BatchSize * ControlMessages.Capacity);
    }

    /// <summary>The mode in use now.</summary>
    public IoMode Mode => _mode;

    /// <summary>Whether packets wait for room in the socket.</summary>
    public bool IsBlocked { get; private set; }

    /// <summary>Whether one more burst fits.</summary>
    public bool HasRoom => _end + MaxBurst + (2 * DatagramReceiver.MaxDatagram) <= Capacity && _count + MaxSegments < MaxMessages;

    /// <summary>Where the next packet is to be written.</summary>
    public byte* Next => _buffer + _end;

    /// <summary>Adds the packet that was written at <see cref="Next"/>.</summary>
    public void Commit(int length, NativePath* path, byte ecn)
    {
        if (_count > 0)
        {
            ref var last = ref _messages[_count - 1];
            if (_mode == IoMode.Segmented && last.Ecn == ecn && !last.IsShort && length <= last.Segment && last.Segments < MaxSegments
                && last.Length + length <= MaxMessageBytes && last.Remote.Matches(path->Remote.Address, path->Remote.Length)
                && (!_socket.IsWildcard || last.Local.Matches(path->Local.Address, path->Local.Length)))
            {
                last.IsShort = length < last.Segment;
                last.Length += length;
                last.Segments++;
                _end += length;
                return;
            }
        }

        if (_count == MaxMessages)
        {
            // Only when the socket is full and single packets keep coming: they are lost, as in any full queue.
            return;
        }

        ref var message = ref _messages[_count++];
        message.Offset = _end;
        message.Length = message.Segment = length;
        message.Segments = 1;
        message.IsShort = false;
        message.Ecn = ecn;
        message.Remote = SocketAddressStorage.Copy(path->Remote.Address, path->Remote.Length);
        if (_socket.IsWildcard)
        {
            message.Local = SocketAddressStorage.Copy(path->Local.Address, path->Local.Length);
        }

        _end += length;
    }

    /// <summary>Copies a packet that does not come from a connection's burst; it is lost if there is no room.</summary>
    public void Add(byte* packet, int length, NativePath* path)
    {
        if (_end + length <= Capacity)
        {
            new ReadOnlySpan<byte>(packet, length).CopyTo(new Span<byte>(Next, length));
            Commit(length, path, 0);
        }
    }

    /// <summary>Sends if enough has come together to be worth a call.</summary>
    public void FlushIfFull()
    {
        if (_end >= FlushAt || _count >= BatchSize)
        {
            Flush();
        }
    }

    /// <summary>Sends single packets that were added since, unless the socket is full.</summary>
    public void FlushPending()
    {
        if (_count > 0 && !IsBlocked)
        {
            Flush();
        }
    }

    /// <summary>Sends everything, or as much as the socket takes; then <see cref="IsBlocked"/>.</summary>
    public void Flush()
    {
        IsBlocked = false;
        var first = 0;
        while (first < _count)
        {
            var sent = SendSome(first, Math.Min(BatchSize, _count - first));
            if (sent > 0)
            {
                first += sent;
                continue;
            }

            switch (-sent)
            {
                case LibC.ErrorInterrupted:
                    break;
                case LibC.ErrorAgain or LibC.ErrorNoBuffers:
                    Compact(first);
                    IsBlocked = true;
                    return;
                case LibC.ErrorNotImplemented when _mode != IoMode.Plain:
                    first = SplitFrom(first, IoMode.Plain);
                    break;
                case LibC.ErrorIo or LibC.ErrorInvalid when _messages[first].Segments > 1:
                    first = SplitFrom(first, IoMode.Batched);
                    break;
                case LibC.ErrorConnectionRefused:
                    // An earlier packet's ICMP error, told by the way: this one was not tried, and the error is gone. In a flood of them there may be another one by now.
                    if (++_messages[first].Refusals > MaxRefusals)
                    {
                        first++;
                    }

                    break;
                default:
                    // Too large for the path, no route, filtered: as good as lost on the way.
                    first++;
                    break;
            }
        }

        _count = _end = 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.Free(_buffer);
        NativeMemory.Free(_headers);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_controls);
        _buffer = _controls = null;
        _headers = null;
        _vectors = null;
    }

    // Returns how many messages were sent, or minus the error that the first of them met.
    private int SendSome(int first, int count)
    {
        if (_mode == IoMode.Plain)
        {
            count = 1;
        }

        for (var i = 0; i < count; i++)
        {
            Describe(ref _messages[first + i], i);
        }

        if (_injectedError != 0 && _messages[first].Segments > 1)
        {
            var error = _injectedError;
            _injectedError = 0;
            return -error;
        }

        if (count == 1)
        {
            return LibC.sendmsg(_socket.Descriptor, &_headers->Header, 0) >= 0 ? 1 : -Marshal.GetLastPInvokeError();
        }

        var sent = LibC.sendmmsg(_socket.Descriptor, _headers, (uint)count, 0);
        return sent > 0 ? sent : -Marshal.GetLastPInvokeError();
    }

    private void Describe(ref Message message, int index)
    {
        _vectors[index] = new Vec { Base = _buffer + message.Offset, Length = (nuint)message.Length };
        var control = _controls + (index * ControlMessages.Capacity);
        var position = 0;
        if (message.Segments > 1)
        {
            position = ControlMessages.WriteSegment(control, position, message.Segment);
        }

        if (_socket.IsWildcard && !message.Local.IsUnspecified)
        {
            position = ControlMessages.WriteLocal(control, position, ref message.Local);
        }

        if (message.Ecn != 0)
        {
            position = ControlMessages.WriteEcn(control, position, message.Ecn, _socket.Family == LibC.AddressFamilyInet6 && !message.Remote.IsMapped);
        }

        _headers[index].Header = new MessageHeader
        {
            Name = System.Runtime.CompilerServices.Unsafe.AsPointer(ref message.Remote),
            NameLength = message.Remote.Length,
            Data = _vectors + index,
            DataCount = 1,
            Control = position > 0 ? control : null,
            ControlLength = (nuint)position,
        };
    }

    // The kernel or the card cannot cut datagrams (or take several): what is left is described anew, packet by packet.
    private int SplitFrom(int first, IoMode mode)
    {
        _mode = mode;
        var rest = _messages[first.._count];
        _count = 0;
        foreach (var message in rest)
        {
            for (var done = 0; done < message.Length && _count < MaxMessages; done += message.Segment)
            {
                _messages[_count++] = message with
                {
                    Offset = message.Offset + done,
                    Length = Math.Min(message.Segment, message.Length - done),
                    Segments = 1,
                };
            }
        }

        return 0;
    }

    private void Compact(int first)
    {
        if (first == 0)
        {
            return;
        }

        var start = _messages[first].Offset;
        Buffer.MemoryCopy(_buffer + start, _buffer, Capacity, _end - start);
        _end -= start;
        _count -= first;
        Array.Copy(_messages, first, _messages, 0, _count);
        for (var i = 0; i < _count; i++)
        {
            _messages[i].Offset -= start;
        }
    }

    private record struct Message
    {
        public SocketAddressStorage Remote;
        public SocketAddressStorage Local;
        public int Offset;
        public int Length;
        public int Segment;
        public int Segments;
        public int Refusals;
        public bool IsShort;
        public byte Ecn;
    }
}
