# The customer's way through a booking.
class BookingsController < ApplicationController
  before_action :require_customer
  rescue_from Booking::NoSeatsLeft, with: :seats_taken

  def create
    event = Event.on_sale.find(params.require(:event_id))
    places = params.require(:places).map(&:to_s)
    booking = Booking.create(customer: current_customer, event: event, places: places)
    Metrics.count("booking.held", venue: event.venue_id)
    redirect_to booking_path(booking.code)
  end

  def show
    @booking = current_customer.bookings.find_by!(code: params[:id])
    fresh_when(@booking)
  end

  def pay
    booking = current_customer.bookings.held.find_by!(code: params[:id])
    payment = PaymentGateway.new(current_customer).charge(booking, token: params.require(:token))
    booking.pay!(payment)
    redirect_to booking_path(booking.code), notice: t(".thanks")
  end

  def destroy
    booking = current_customer.bookings.find_by!(code: params[:id])
    booking.cancel!(by: "customer")
    redirect_to bookings_path, notice: t(".cancelled")
  end

  private

  def seats_taken
    redirect_back fallback_location: events_path, alert: t("bookings.seats_taken")
  end
end
