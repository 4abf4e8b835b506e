using System.Buffers;

namespace Broker.Protocol.Tests.Vectors;

/// <summary>A value that is encoded for the golden vectors.</summary>
/// <param name="File">Name of the file under <c>tests/vectors</c>, without its ending.</param>
/// <param name="Codec">Name of the decoder.</param>
/// <param name="Name">What is special about it.</param>
/// <param name="Bytes">Its encoding by this version.</param>
internal sealed record Sample(string File, string Codec, string Name, byte[] Bytes)
{
    public static Sample Of(string file, string codec, string name, Action<IBufferWriter<byte>> write)
    {
        var writer = new ArrayBufferWriter<byte>();
        write(writer);
        return new Sample(file, codec, name, writer.WrittenSpan.ToArray());
    }
}
